/** What a domain may grow to, and from where it is warned of. Sources: reference measurements of libvirt 9.0. */
export const domainLimits = {
  /** libvirt cannot boot a chain of 200 files; 150 leaves room for what others put below. */
  chainLayers: 150,
  chainLayersWarn: 50,
  /** libvirt's clients refuse longer lists. */
  snapshots: 16_384,
  snapshotsWarn: 10_000,
} as const;
