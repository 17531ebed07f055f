using System.Diagnostics;
using Prescore.Cli.Rendering;
using Prescore.Generation;
using Prescore.Models.Formats;
using Prescore.Models.Inference;

namespace Prescore.Cli;

/// <summary>
/// The tokens that all questions about a document begin with: taken from disk where they were kept, and kept there when
/// they were computed. Whatever is wrong with the disk costs time alone, and is said on the error stream.
/// </summary>
internal sealed class DocumentCache
{
    private readonly ToolContext _context;
    private readonly PromptSession _session;
    private readonly int[] _beginning;
    private readonly SessionCache? _cache;
    private bool _settled;

    /// <summary>Looks for the document; the session holds it afterwards, if it was there.</summary>
    /// <param name="context">Receives what was found.</param>
    /// <param name="session">The sequence, still empty.</param>
    /// <param name="beginning">What all prompts begin with.</param>
    /// <param name="cache">Where documents are kept; null: nowhere.</param>
    public DocumentCache(ToolContext context, PromptSession session, int[] beginning, SessionCache? cache)
    {
        (_context, _session, _beginning, _cache) = (context, session, beginning, cache);
        _settled = _cache is null || Restore(_cache);
    }

    /// <summary>Keeps the document after the first answer, if it is not there yet. The session is then just the document.</summary>
    public void Keep()
    {
        if (_settled || _cache is null || !IsComplete())
        {
            return;
        }
        _settled = true;
        _session.Rewind(_beginning.Length);
        try
        {
            _context.Error.WriteLine(_cache.Keep(_session) is long bytes
                ? $"kept the document's {Numbers.Count(_beginning.Length)} tokens for later questions: {Numbers.Bytes(bytes)} in {_cache.Folder}"
                : "note: the document is beyond --cache-limit and not kept");
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or SessionNotSavableException)
        {
            _context.Error.WriteLine($"note: the document is not kept: {Failures.OneLine(error.Message)}");
        }
    }

    private bool Restore(SessionCache cache)
    {
        long start = Stopwatch.GetTimestamp();
        try
        {
            bool found = cache.Restore(_session, _beginning);
            if (found)
            {
                string seconds = Numbers.Seconds(Stopwatch.GetElapsedTime(start).TotalSeconds);
                _context.Error.WriteLine($"took up the document's {Numbers.Count(_beginning.Length)} tokens, kept by an earlier 'prescore ask', in {seconds}");
            }
            return found;
        }
        catch (SessionNotSavableException)
        {
            return true;
        }
        catch (Exception error) when (error is ModelFormatException or IOException or UnauthorizedAccessException)
        {
            _context.Error.WriteLine($"warning: {Failures.OneLine(error.Message)}; the document is read once more");
            return false;
        }
    }

    /// <summary>An interruption may have come before the end of the document.</summary>
    private bool IsComplete() => _session.Tokens.Count >= _beginning.Length && _session.Tokens.Take(_beginning.Length).SequenceEqual(_beginning);
}
