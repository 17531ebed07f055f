namespace Prescore.Experiments.Tasks;

/// <summary>Names and words of the facts that are hidden; usual tokenizers begin each with a token of its own.</summary>
internal static class Vocabulary
{
    public static readonly string[] Names =
    [
        "Paris", "London", "Tokyo", "Berlin", "Madrid", "Rome", "Cairo", "Sydney", "Boston", "Chicago", "Vienna", "Dublin", "Lisbon", "Prague",
        "Warsaw", "Athens", "Delhi", "Beijing", "Toronto", "Dallas", "Denver", "Seattle", "Houston", "Atlanta", "Oslo", "Milan", "Zurich",
        "Munich", "Havana", "Lima", "Nairobi", "Bangkok",
    ];

    public static readonly string[] Words =
    [
        "apple", "river", "table", "mountain", "window", "garden", "silver", "horse", "bridge", "music", "winter", "paper", "candle", "ocean",
        "forest", "engine", "mirror", "bottle", "castle", "island", "pepper", "rocket", "summer", "button", "cotton", "dragon", "ladder",
        "market", "needle", "orange", "pillow", "tunnel",
    ];
}
