using Prescore.Attention.Core;
using Prescore.Storage;

namespace Prescore.Attention.Quest;

/// <summary>
/// What a thread needs for some queries of a key/value head, of all query heads: the first ones, which attend all they see, and
/// those behind them, which select pages.
/// </summary>
internal sealed class QuestWorkspace : IDisposable
{
    private readonly AttentionCall _call;
    private readonly KeyValueTiles _tiles;
    private readonly KeyValueTiles _bounds;
    private readonly QueryBlock _all;
    private readonly SelectedPages _selected;
    private readonly int[] _limits;

    public QuestWorkspace(AttentionCall call, KeyValueTiles tiles, KeyValueTiles bounds, int page, int selectedPages, int rows)
    {
        (_call, _tiles, _bounds) = (call, tiles, bounds);
        _all = call.CreateBlock(rows);
        _selected = SelectedPages.Create(call, tiles, page, Math.Min(selectedPages, bounds.Count), rows);
        _limits = new int[rows];
    }

    /// <summary>Takes a query of every query head.</summary>
    /// <param name="batch">Sequence.</param>
    /// <param name="head">Key/value head.</param>
    /// <param name="query">The query, the next one of those taken.</param>
    /// <param name="visible">Keys that it sees: the first ones of the tiles.</param>
    /// <param name="wholePages">Pages to select from; null: it attends to all it sees, as did those before it.</param>
    public void Add(int batch, int head, int query, int visible, int? wholePages)
    {
        int group = _call.Shape.GroupSize;
        for (int member = 0; member < group; member++)
        {
            ReadOnlySpan<float> values = _call.Queries(batch, head * group + member).Row(query);
            if (wholePages is int whole)
            {
                _selected.Add(values, _call.Scale, visible, whole);
            }
            else
            {
                _limits[_all.Add(values, _call.Scale)] = visible;
            }
        }
    }

    /// <summary>Attends and finishes the queries taken, of which <paramref name="firstQuery"/> was the first.</summary>
    public void Attend(int batch, int head, int firstQuery)
    {
        int group = _call.Shape.GroupSize, all = _all.Rows;
        if (all > 0)
        {
            _all.Attend(_tiles, 0, KeyValueTiles.BlocksOf(_limits[all - 1]), 0, all, _limits.AsSpan(0, all));
        }
        for (int row = 0; row < all; row++)
        {
            _call.Finish(_all, row, batch, head * group + row % group, firstQuery + row / group);
        }
        _selected.Attend(_tiles, _bounds, _call.Work);
        for (int row = 0; row < _selected.Rows; row++)
        {
            (int query, int member) = Math.DivRem(all + row, group);
            float logSumExp = _selected.Finish(row, _call.Output(batch, head * group + member).Row(firstQuery + query));
            _call.SetLogSumExp(batch, head * group + member, firstQuery + query, logSumExp);
        }
        _all.Clear();
        _selected.Clear();
    }

    public void Dispose()
    {
        _all.Dispose();
        _selected.Dispose();
    }
}
