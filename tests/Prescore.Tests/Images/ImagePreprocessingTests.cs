using System.Security.Cryptography;
using Prescore.Models.Formats;
using Prescore.Models.Images;

namespace Prescore.Tests.Images;

public class ImagePreprocessingTests
{
    private static readonly ImagePreprocessing Defaults = new() { Mean = [0.5f, 0.5f, 0.5f], StandardDeviation = [0.5f, 0.5f, 0.5f] };

    /// <summary>Bytes of Pillow 9.4's <c>resize</c> of the same image, hashed.</summary>
    [Theory]
    [InlineData(Resampling.Nearest, 5, 4, "B8E65345E58C1EDA")]
    [InlineData(Resampling.Nearest, 26, 20, "2105F3DD248D65B8")]
    [InlineData(Resampling.Nearest, 13, 3, "AF2392350FFD6A81")]
    [InlineData(Resampling.Lanczos, 5, 4, "5A9286CBA3ACEEEA")]
    [InlineData(Resampling.Lanczos, 26, 20, "B48139E470DD6F58")]
    [InlineData(Resampling.Lanczos, 13, 3, "BD4B4C45BDAFD9BA")]
    [InlineData(Resampling.Bilinear, 5, 4, "7A9EB932A47F4057")]
    [InlineData(Resampling.Bilinear, 26, 20, "58F211E1D88D2CEC")]
    [InlineData(Resampling.Bilinear, 13, 3, "247B1192AC79CC4B")]
    [InlineData(Resampling.Bicubic, 5, 4, "2A48B60114EC93F9")]
    [InlineData(Resampling.Bicubic, 26, 20, "6D7E7668BA6EB6B7")]
    [InlineData(Resampling.Bicubic, 13, 3, "384191E8049F88F0")]
    public void Resizing_gives_the_bytes_of_Pillow(Resampling resampling, int width, int height, string hash)
    {
        var pixels = new byte[13 * 9 * 3];
        for (int i = 0; i < pixels.Length; i++)
        {
            (int y, int x, int channel) = (i / 39, i / 3 % 13, i % 3);
            pixels[i] = (byte)(x * x * 7 + y * 13 + channel * 31 + x * y * 5);
        }
        RgbImage resized = ImageResizer.Resize(new RgbImage(13, 9, pixels), width, height, resampling);
        Convert.ToHexString(SHA256.HashData(resized.Pixels))[..16].ShouldBe(hash);
    }

    [Fact]
    public void The_configuration_is_followed()
    {
        ImagePreprocessing read = Read("""
            {"do_resize":true,"size":{"shortest_edge":8},"resample":2,"do_center_crop":true,"crop_size":{"height":6,"width":4},
             "do_rescale":true,"rescale_factor":0.5,"image_mean":[1,2,3],"image_std":[1,2,4]}
            """);
        PixelValues values = read.Apply(RgbImage.FromGrey(20, 10, Enumerable.Repeat((byte)100, 200).ToArray()));
        (values.Height, values.Width, values.Channels).ShouldBe((6, 4, 3));
        values.Values[0].ShouldBe(49);
        values.Values[24].ShouldBe(24);
        values.Values[^1].ShouldBe(11.75f);
        RgbImage fitted = (read with { Crop = null }).Fit(new RgbImage(20, 10, new byte[600]));
        (fitted.Width, fitted.Height).ShouldBe((16, 8));
        Read("""{"size":{"height":5,"width":7},"do_normalize":false,"do_rescale":false}""").Apply(new RgbImage(2, 2, new byte[12])).Width.ShouldBe(7);
        Read("""{"do_resize":false}""").Fit(new RgbImage(3, 2, new byte[18])).Width.ShouldBe(3);
        Read("""{"size":{"shortest_edge":8},"crop_size":8}""").ForSize(30).Fit(new RgbImage(20, 10, new byte[600])).Height.ShouldBe(30);
    }

    [Theory]
    [InlineData("")]
    [InlineData("[1]")]
    [InlineData("""{"size":-3}""")]
    [InlineData("""{"size":{"height":3}}""")]
    [InlineData("""{"size":"big"}""")]
    [InlineData("""{"resample":9}""")]
    [InlineData("""{"image_mean":[1,2]}""")]
    [InlineData("""{"image_std":[1,0,1]}""")]
    public void Wrong_configurations_are_refused(string json) => Should.Throw<ModelFormatException>(() => Read(json));

    [Fact]
    public void A_larger_part_than_the_image_has_black_around_it()
    {
        RgbImage part = RgbImage.FromGrey(2, 2, [1, 2, 3, 4]).CentralPart(4, 3);
        (part.Width, part.Height).ShouldBe((4, 3));
        part.Pixels.Count(value => value != 0).ShouldBe(12);
    }

    private static ImagePreprocessing Read(string json)
    {
        using var folder = new TemporaryFolder();
        string path = Path.Combine(folder.Path, "preprocessor_config.json");
        File.WriteAllText(path, json);
        return ImagePreprocessing.Read(path, Defaults);
    }
}
