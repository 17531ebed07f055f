using ArchUnitNET.Domain;
using ArchUnitNET.Domain.Dependencies;
using ArchUnitNET.Loader;

namespace Prescore.Tests;

/// <summary>Arrows between folders point one way: a namespace may use those listed before it, and none listed after it.</summary>
public class ArchitectureTests
{
    /// <summary>Folders of the library, each of which knows only those before it. A folder stands for those inside it.</summary>
    private static readonly string[] Library =
    [
        "Prescore.Specs",
        "Prescore.Scheduling",
        "Prescore.Memory",
        "Prescore.Kernels",
        "Prescore.Numerics",
        "Prescore.Storage",
        "Prescore.Clustering",
        "Prescore.Scoring",
        "Prescore.Attention.Contracts",
        "Prescore.Attention.Core",
        "Prescore.Attention.Exact",
        "Prescore.Attention.Window",
        "Prescore.Attention.Hyper",
        "Prescore.Attention.Coreset",
        "Prescore.Attention.PreScored",
        "Prescore.Attention.Quest",
        "Prescore.Attention.Quoka",
        "Prescore.Attention.Antidiagonal",
        "Prescore.Attention.Clustered",
        "Prescore.Attention",
    ];

    private static readonly string[] Models =
    [
        "Prescore.Models.Hub",
        "Prescore.Models.Formats",
        "Prescore.Models.Images",
        "Prescore.Models.Layers",
        "Prescore.Models.Families",
        "Prescore.Models.Tokenizers",
        "Prescore.Models.Inference",
        "Prescore.Models.Evaluation",
    ];

    /// <summary>Projects, by the assembly's name.</summary>
    private static readonly string[] Projects =
    [
        "Prescore",
        "Prescore.Models",
        "Prescore.Generation",
        "Prescore.TorchSharp",
        "Prescore.Experiments",
        "Prescore.Cli",
    ];

    /// <summary>Arrows that still point back. The list only shrinks: an entry that is no longer needed fails the test.</summary>
    private static readonly string[] Allowed =
    [
    ];

    private static readonly Lazy<Architecture> Loaded = new(() => new ArchLoader().LoadAssemblies([.. LoadedProjects().Take(2)]).Build());

    [Fact]
    public void Folders_of_the_library_point_one_way() => Back(Library).Except(Allowed).ShouldBeEmpty();

    [Fact]
    public void Folders_of_the_models_point_one_way() => Back(Models).Except(Allowed).ShouldBeEmpty();

    [Fact]
    public void Every_allowed_arrow_is_still_there() => Allowed.Except(Back(Library).Concat(Back(Models))).ShouldBeEmpty();

    [Fact]
    public void Every_folder_has_its_place()
    {
        string[] known = [.. Library, .. Models, "Prescore.Models"];
        Loaded.Value.Types
            .Where(type => type.Assembly.Name.Split(',')[0] is "Prescore" or "Prescore.Models" && type.Namespace?.FullName.StartsWith("Prescore", StringComparison.Ordinal) == true)
            .Select(type => type.Namespace.FullName)
            .Distinct()
            .Where(name => PlaceOf(name, known) < 0)
            .ShouldBeEmpty();
    }

    [Fact]
    public void Projects_point_one_way()
    {
        foreach (System.Reflection.Assembly project in LoadedProjects())
        {
            int place = Array.IndexOf(Projects, project.GetName().Name);
            project.GetReferencedAssemblies()
                .Where(used => Array.IndexOf(Projects, used.Name) > place)
                .Select(used => $"{project.GetName().Name} -> {used.Name}")
                .ShouldBeEmpty();
        }
    }

    private static IEnumerable<System.Reflection.Assembly> LoadedProjects()
    {
        string folder = Path.GetDirectoryName(typeof(ArchitectureTests).Assembly.Location)!;
        foreach (string project in Projects)
        {
            // Some projects may not be among what the tests use.
            string path = Path.Combine(folder, project + ".dll");
            if (File.Exists(path))
            {
                yield return System.Reflection.Assembly.LoadFrom(path);
            }
        }
    }

    /// <summary>Arrows from a folder to a later one of the list.</summary>
    private static IEnumerable<string> Back(string[] order) => Arrows(order).Distinct().Order();

    private static IEnumerable<string> Arrows(string[] order)
    {
        foreach (IType type in Loaded.Value.Types)
        {
            int from = PlaceOf(type.Namespace?.FullName, order);
            if (from < 0)
            {
                continue;
            }
            foreach (ITypeDependency dependency in type.Dependencies)
            {
                int to = PlaceOf(dependency.Target.Namespace?.FullName, order);
                if (to > from)
                {
                    TestContext.Current.TestOutputHelper?.WriteLine($"{type.FullName} uses {dependency.Target.FullName}");
                    yield return $"{order[from]} -> {order[to]}";
                }
            }
        }
    }

    /// <summary>The folder of the list that a namespace is or lies in; the longest where several are; −1: none.</summary>
    private static int PlaceOf(string? name, string[] order)
    {
        int best = -1;
        for (int i = 0; i < order.Length; i++)
        {
            bool inside = name == order[i] || name?.StartsWith(order[i] + ".", StringComparison.Ordinal) == true;
            if (inside && (best < 0 || order[i].Length > order[best].Length))
            {
                best = i;
            }
        }
        return best;
    }
}
