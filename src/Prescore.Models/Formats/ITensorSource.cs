namespace Prescore.Models.Formats;

/// <summary>
/// Named tensors stored in one or several mapped files, of whatever format. Many threads may read at once. Disposing it
/// unmaps the files, save the ranges that <see cref="StoredTensor.Map"/> still holds.
/// </summary>
public interface ITensorSource : IDisposable
{
    /// <summary>The file or folder it was opened by.</summary>
    string Path { get; }

    /// <summary>All tensors, in the order of the files.</summary>
    IReadOnlyList<StoredTensor> Tensors { get; }

    /// <summary>The tensor of that name, or null.</summary>
    StoredTensor? FindTensor(string name);
}
