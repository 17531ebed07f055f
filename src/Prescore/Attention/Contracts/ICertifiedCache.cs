namespace Prescore.Attention.Contracts;

/// <summary>A cache whose method measures its own error while it runs.</summary>
public interface ICertifiedCache : IKeyValueCache
{
    /// <summary>What was measured since the cache was empty, one entry a query head.</summary>
    IReadOnlyList<HeadCertificate> Certificates();
}
