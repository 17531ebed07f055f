using System.Reflection;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.RegularExpressions;
using Prescore.Experiments.Reports;

namespace Prescore.Tests.Experiments;

/// <summary>docs/json.md against the reports themselves.</summary>
public class JsonDocumentationTests
{
    public static TheoryData<Type> Reports =>
        [.. typeof(ReportJsonContext).GetCustomAttributesData()
            .Where(attribute => attribute.AttributeType == typeof(JsonSerializableAttribute))
            .Select(attribute => (Type)attribute.ConstructorArguments[0].Value!)
            .Where(type => type.Name.EndsWith("Report", StringComparison.Ordinal))];

    [Theory]
    [MemberData(nameof(Reports))]
    public void Every_field_of_a_report_is_described(Type report)
    {
        string page = File.ReadAllText(Path.Combine(SharedData.Repository, "docs", "json.md"));
        // A path to the field, or an array's brackets, may be part of the name.
        string[] missing = [.. Fields(report, []).Distinct().Where(name => !Regex.IsMatch(page, $@"`([a-z_\[\]]+\.)*{name}(\[[a-z]*\])*`"))];
        missing.ShouldBeEmpty($"fields of {report.Name} without a word in docs/json.md");
    }

    /// <summary>Names of all fields of a report, those of its parts too.</summary>
    private static IEnumerable<string> Fields(Type type, HashSet<Type> seen)
    {
        if (!seen.Add(type))
        {
            yield break;
        }
        foreach (PropertyInfo property in type.GetProperties(BindingFlags.Public | BindingFlags.Instance)
            .Where(property => property.GetCustomAttribute<JsonIgnoreAttribute>() is null))
        {
            yield return JsonNamingPolicy.SnakeCaseLower.ConvertName(property.Name);
            foreach (Type part in Parts(property.PropertyType))
            {
                foreach (string name in Fields(part, seen))
                {
                    yield return name;
                }
            }
        }
    }

    /// <summary>Our own records in a property's type.</summary>
    private static IEnumerable<Type> Parts(Type type) =>
        type.IsGenericType ? type.GetGenericArguments().SelectMany(Parts)
        : type.IsArray ? Parts(type.GetElementType()!)
        : type.Namespace?.StartsWith("Prescore", StringComparison.Ordinal) == true && !type.IsEnum ? [type]
        : [];
}
