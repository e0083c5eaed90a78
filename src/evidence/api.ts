/** The part of the library's face that proves things to people who do not trust this machine. */

/** Where the key is that signs, or whose signatures are believed: a file's path. Default: the store's own `key.pem`. */
export interface KeyOption {
  readonly key?: string;
}

export interface PublicKey {
  /** The key's name in signed notes, which is also the log's origin. */
  readonly name: string;
  /** `sha256:` and 64 hex digits, of the key in DER form. */
  readonly fingerprint: string;
  /** `name+id+key`: the form that witnesses and other tools for signed notes take. */
  readonly verifierKey: string;
  readonly pem: string;
}

/** A signed statement that the log's first `size` records are these and no others. */
export interface SignedCheckpoint {
  readonly origin: string;
  readonly size: number;
  /** `sha256:` and 64 hex digits: the Merkle tree's root (RFC 6962). */
  readonly root: string;
  /** The checkpoint itself (c2sp.org/tlog-checkpoint). */
  readonly note: string;
}

export interface InclusionProof {
  readonly position: number;
  /** Hex digits; the record's sibling first. */
  readonly proof: readonly string[];
  readonly checkpoint: SignedCheckpoint;
  /** All of it as one text (c2sp.org/tlog-proof). */
  readonly text: string;
}

export interface ConsistencyProof {
  readonly old: number;
  /** Hex digits, in the RFC's order. */
  readonly proof: readonly string[];
  readonly checkpoint: SignedCheckpoint;
  /** All of it as one text, which is what a witness takes (c2sp.org/tlog-witness). */
  readonly text: string;
}

export interface Proving {
  publicKey(options?: KeyOption): Promise<PublicKey>;
  /** Signs the log as it stands. An older store, which has no key yet, gets one. KEY_INVALID, KEY_UNSAFE. */
  checkpoint(options?: KeyOption): Promise<SignedCheckpoint>;
  /** That a record is in the log, as a new checkpoint has it, or one that was signed before. POSITION_NOT_FOUND. */
  prove(position: number, options?: KeyOption & { readonly checkpoint?: string }): Promise<InclusionProof>;
  /** That the log at one size begins with the log at another. Each is a number of records, or a signed checkpoint. */
  proveConsistent(old: number | string, now?: number | string, options?: KeyOption): Promise<ConsistencyProof>;
  /**
   * That the log still begins with what this checkpoint says, by reading all of it. CHECKPOINT_INVALID (none at all, or
   * another log's), CHECKPOINT_UNTRUSTED (not signed by the key), CHECKPOINT_MISMATCH (the log was cut or rewritten).
   */
  verifyCheckpoint(note: string, options?: KeyOption): Promise<SignedCheckpoint>;
}

export interface EvidenceRequest extends KeyOption {
  /** ISO 8601 UTC with milliseconds, as records have it; null: from its beginning, up to now. */
  readonly since: string | null;
  readonly until: string | null;
}

/** What a bundle holds, or with `plan` would. */
export interface Evidence {
  readonly planned: boolean;
  readonly domain: { readonly id: string; readonly name: string };
  readonly since: string | null;
  readonly until: string | null;
  /** The period's records, and one more on either side where there is one. */
  readonly firstRevision: number;
  readonly lastRevision: number;
  /** Of `EvidenceExported`, which closes them; null with `plan`. */
  readonly position: number | null;
  readonly checkpoint: SignedCheckpoint | null;
  readonly fingerprint: string;
  readonly file: string;
  readonly bytes: number | null;
}
