namespace Prescore.Generation.Sampling;

/// <summary>The tokens among which one is drawn, the likeliest first.</summary>
internal sealed class TokenCandidates
{
    /// <summary>
    /// Probabilities down to which candidates are looked for, one after the other until they suffice: few tokens hold
    /// nearly all the probability, and sorting a whole vocabulary takes milliseconds.
    /// </summary>
    private static readonly float[] Depths = [1e-2f, 1e-3f, 1e-4f, 1e-6f, 0];

    private readonly List<(int Id, float Probability)> _kept = [];

    /// <summary>Keeps what top-k, top-p and min-p leave.</summary>
    /// <param name="probabilities">Probabilities of the whole vocabulary.</param>
    /// <param name="options">The filters.</param>
    public void Keep(ReadOnlySpan<float> probabilities, SamplingOptions options)
    {
        foreach (float depth in Depths)
        {
            Collect(probabilities, depth);
            // At depth 0 the whole vocabulary is there, so the last pass is complete.
            if (Cut(options, probabilities.Length))
            {
                return;
            }
        }
    }

    /// <summary>The candidate at a place in 0..1 of their joint probability.</summary>
    public int Draw(double uniform)
    {
        double total = 0;
        foreach ((_, float probability) in _kept)
        {
            total += probability;
        }
        double left = uniform * total;
        foreach ((int id, float probability) in _kept)
        {
            left -= probability;
            if (left < 0)
            {
                return id;
            }
        }
        return _kept[^1].Id;
    }

    private void Collect(ReadOnlySpan<float> probabilities, float atLeast)
    {
        _kept.Clear();
        for (int id = 0; id < probabilities.Length; id++)
        {
            if (probabilities[id] >= atLeast)
            {
                _kept.Add((id, probabilities[id]));
            }
        }
        _kept.Sort((a, b) => a.Probability != b.Probability ? b.Probability.CompareTo(a.Probability) : a.Id.CompareTo(b.Id));
    }

    /// <summary>Drops what the filters exclude; false where tokens that were not collected might belong in.</summary>
    private bool Cut(SamplingOptions options, int vocabulary)
    {
        int most = options.TopK == 0 ? vocabulary : Math.Min(options.TopK, vocabulary);
        bool complete = _kept.Count >= most;
        if (_kept.Count == 0 || (options.TopK > 0 && !complete))
        {
            return false;
        }
        KeepFirst(Math.Min(most, _kept.Count));
        // Top-p is of what top-k left; all tokens together have 1.
        double wanted = options.TopP * (options.TopK == 0 ? 1 : _kept.Sum(candidate => (double)candidate.Probability));
        if (options.TopP < 1)
        {
            double sum = 0;
            int count = 0;
            while (count < _kept.Count && sum < wanted)
            {
                sum += _kept[count++].Probability;
            }
            complete |= sum >= wanted;
            KeepFirst(count);
        }
        double least = options.MinP * _kept[0].Probability;
        int unlikely = _kept.FindIndex(candidate => candidate.Probability < least);
        if (unlikely >= 0)
        {
            KeepFirst(unlikely);
        }
        return complete || unlikely >= 0;
    }

    private void KeepFirst(int count) => _kept.RemoveRange(count, _kept.Count - count);
}
