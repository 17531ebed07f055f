using CsCheck;
using Prescore.Attention;
using Prescore.Attention.Contracts;
using Prescore.Experiments;

namespace Prescore.Tests.Experiments;

public class BudgetSolverTests
{
    [Fact]
    public void Finds_the_nearest_size_of_any_growing_count()
    {
        Gen.Select(Gen.Int[1, 300], Gen.Double[0.01, 1], Gen.Int[1, 40], Gen.Int[0, 30]).Sample((n, budget, step, floor) =>
        {
            var shape = Shape(n);
            var method = new StepAttention(1, step, floor);

            SolvedMethod solved = BudgetSolver.Solve(method, budget, shape, causal: true);

            double best = Enumerable.Range(1, n).Min(size => Math.Abs(BudgetOf(method.WithSize(size), shape) - budget));
            Math.Abs(solved.Budget - budget).ShouldBe(best, 1e-12);
            BudgetOf(solved.Method, shape).ShouldBe(solved.Budget);
        });
    }

    [Theory]
    [InlineData("window")]
    [InlineData("hyper")]
    [InlineData("prescored:inner=exact")]
    [InlineData("prescored:inner=hyper")]
    public void Solves_every_sized_method_within_the_tolerance_where_its_sizes_allow(string spec)
    {
        var method = (ISizedAttention)AttentionMethods.Create(spec);
        AttentionShape shape = Shape(4096);

        SolvedMethod solved = BudgetSolver.Solve(method, 0.25, shape, causal: true);

        BudgetSolver.Meets(solved.Budget, 0.25).ShouldBeTrue($"{solved.Method.Spec}: {solved.Budget}");
    }

    [Fact]
    public void Takes_the_smallest_size_for_a_budget_below_the_floor()
    {
        SolvedMethod solved = BudgetSolver.Solve(new StepAttention(1, 1, floor: 50), 0.01, Shape(100), causal: true);

        solved.Method.Spec.ShouldBe("step:size=1");
        BudgetSolver.Meets(solved.Budget, 0.01).ShouldBeFalse();
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-0.1)]
    [InlineData(1.1)]
    [InlineData(double.NaN)]
    public void Refuses_a_budget_outside_0_to_1(double budget) =>
        Should.Throw<ArgumentOutOfRangeException>(() => BudgetSolver.Solve(new StepAttention(1, 1, 0), budget, Shape(10), causal: true));

    private static AttentionShape Shape(int n) =>
        new() { QueryHeads = 9, KeyValueHeads = 3, Queries = n, Keys = n, HeadDimension = 64 };

    private static double BudgetOf(ISizedAttention method, AttentionShape shape) =>
        method.CountInteractions(shape, causal: true) / (double)shape.ExactInteractions(causal: true);

    /// <summary>A method that sees size keys rounded up to a step, and never fewer than a floor.</summary>
    private sealed class StepAttention(int size, int step, int floor) : ISizedAttention
    {
        public string Spec => $"step:size={size}";

        public string SizeParameter => "size";

        public bool HasExplicitSize => false;

        public ISizedAttention WithSize(int newSize) => new StepAttention(newSize, step, floor);

        public long CountInteractions(AttentionShape shape, bool causal)
        {
            long keys = Math.Max((size + step - 1) / step * step, floor);
            long sum = 0;
            for (int query = 1; query <= shape.Queries; query++)
            {
                sum += Math.Min(query, keys);
            }
            return sum * shape.QueryHeads;
        }

        public AttentionReport Compute(
            in AttentionInput input, in AttentionOutput output, AttentionOptions options, CancellationToken cancellationToken = default) =>
            throw new NotSupportedException();

        public IKeyValueCache CreateCache(CacheShape shape, AttentionOptions options) => throw new NotSupportedException();
    }
}
