using Prescore.Attention.Contracts;
using Prescore.Experiments.Layers;

namespace Prescore.Tests.Experiments;

public class LayerMemoryTests
{
    [Theory]
    [InlineData(1, 0)]
    [InlineData(0, 1)]
    public void A_layer_larger_than_any_memory_is_refused_with_both_amounts(int inputs, int outputs)
    {
        var shape = new AttentionShape { QueryHeads = 1024, KeyValueHeads = 1024, Queries = 1 << 30, Keys = 1 << 30, HeadDimension = 64 };

        InsufficientMemoryException error = Should.Throw<InsufficientMemoryException>(() => LayerMemory.Require(shape, inputs, outputs));

        error.Message.ShouldContain("this needs about");
        error.Message.ShouldContain("are available; use fewer tokens");
    }

    [Fact]
    public void Sizes_whose_product_no_long_holds_are_refused()
    {
        var shape = new AttentionShape
        {
            QueryHeads = 1 << 30,
            KeyValueHeads = 1,
            Queries = 1 << 30,
            Keys = 1,
            HeadDimension = 1,
            ValueDimension = 1 << 30,
        };

        Should.Throw<InsufficientMemoryException>(() => LayerMemory.Require(shape, inputs: 1, outputs: 2));
    }

    [Fact]
    public void A_small_layer_is_fine() => LayerMemory.Require(
        new AttentionShape { QueryHeads = 9, KeyValueHeads = 3, Queries = 64, Keys = 64, HeadDimension = 64 }, inputs: 1, outputs: 2);
}
