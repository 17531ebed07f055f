namespace Prescore.Models.Images;

/// <summary>What the structure of an image file says before any pixel is decoded.</summary>
/// <param name="Width">Columns as stored.</param>
/// <param name="Height">Rows as stored.</param>
/// <param name="Orientation">How it is to be turned, see <see cref="ExifOrientation"/>.</param>
internal readonly record struct ImageStructure(long Width, long Height, int Orientation);
