namespace Prescore.Models.Images;

/// <summary>An image file that cannot be used: not an image, truncated, too large, or of a kind that is not read. One line.</summary>
public sealed class ImageFormatException : IOException
{
    /// <summary>Creates the exception.</summary>
    /// <param name="path">The file; the message shows its name without the folder.</param>
    /// <param name="problem">What is wrong.</param>
    /// <param name="advice">What the user can do about it.</param>
    /// <param name="innerException">The cause, where another exception was caught.</param>
    public ImageFormatException(string path, string problem, string advice, Exception? innerException = null)
        : base($"{Path.GetFileName(path)}: {problem}; {advice}", innerException)
    {
    }
}
