namespace Prescore.Models.Formats;

/// <summary>
/// A model, tensor or tokenizer file that cannot be used: truncated, corrupt, of an unknown kind, or lacking what was
/// asked of it. The message is one line: file name, what is wrong and where, and what to do about it.
/// </summary>
public sealed class ModelFormatException : Exception
{
    /// <summary>Creates the exception.</summary>
    /// <param name="path">The file; the message shows its name without the folder.</param>
    /// <param name="problem">What is wrong and where, such as "tensor 'a' ends 20 bytes past the end of the file".</param>
    /// <param name="advice">What the user can do about it.</param>
    /// <param name="innerException">The cause, where another exception was caught.</param>
    public ModelFormatException(string path, string problem, string advice, Exception? innerException = null)
        : base($"{System.IO.Path.GetFileName(path)}: {problem}; {advice}", innerException)
    {
        Path = path;
    }

    /// <summary>The file, as it was given when it was opened.</summary>
    public string Path { get; }
}
