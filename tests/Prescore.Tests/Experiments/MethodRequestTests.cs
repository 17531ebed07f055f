using Prescore.Attention.Clustered;
using Prescore.Attention.Contracts;
using Prescore.Experiments;

namespace Prescore.Tests.Experiments;

public class MethodRequestTests
{
    private static readonly AttentionShape Shape = new() { QueryHeads = 9, KeyValueHeads = 3, Queries = 4096, Keys = 4096, HeadDimension = 64 };

    [Fact]
    public void A_default_budget_is_for_methods_whose_size_decides()
    {
        string[] specs = ["window", "window:w=7", "clustered", "clustered:error=0.2"];

        Budgets(MethodRequest.Parse(specs, budget: null, defaultBudget: 0.25)).ShouldBe([null, 0.25, null, null, null]);
        Budgets(MethodRequest.Parse(specs, budget: 0.3, defaultBudget: 0.25)).ShouldBe([null, 0.3, null, 0.3, null]);
    }

    [Fact]
    public void Clustered_takes_a_wanted_budget_or_its_floor()
    {
        double BudgetOf(double wanted) =>
            ((ClusteredAttention)MethodRequest.Parse(["clustered"], wanted)[1].Resolve(Shape, causal: true)).Options.Budget!.Value;
        double floor = new ClusteredAttention(new()).BudgetFloor(4096);

        BudgetOf(0.3).ShouldBe(0.3);
        BudgetOf(0.01).ShouldBeInRange(floor, floor + 1e-4);
    }

    [Fact]
    public void A_budget_of_the_spec_below_the_floor_is_refused() =>
        Should.Throw<BudgetException>(() => MethodRequest.Parse(["clustered:budget=0.01"], null)[1].Resolve(Shape, causal: true))
            .Message.ShouldContain("0.01");

    private static double?[] Budgets(IReadOnlyList<MethodRequest> requests) => [.. requests.Select(request => request.Budget)];
}
