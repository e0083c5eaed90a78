/**
 * Every failure a caller can meet: one class, a closed list of codes, one table from code to exit status.
 * Each code is explained, with what to do next, in docs/errors.md (a test compares the two lists).
 */
export const exitStatusOf = {
  // 1: it was tried and did not work
  DISK_FULL: 1,
  DRIVER_FAILED: 1,
  GUEST_GONE: 1,
  NEEDS_OPERATOR: 1,
  COMPACTION_PENDING: 1,
  FILES_DIFFER: 1,
  LOG_UNWRITABLE: 1,
  LAYERS_UNSAFE: 1,
  RULES_DIFFER: 1,
  REPLAY_DIFFERS: 1,
  // 2: the request itself is wrong
  USAGE: 2,
  INVALID_NAME: 2,
  INVALID_XML: 2,
  INVALID_FLAGS: 2,
  INVALID_CONDITION: 2,
  TOO_LARGE: 2,
  CHECKPOINT_INVALID: 2,
  KEY_INVALID: 2,
  CURSOR_INVALID: 2,
  // 3: a rule refused
  DOMAIN_EXISTS: 3,
  SNAPSHOT_EXISTS: 3,
  STORE_EXISTS: 3,
  STORE_UNSAFE: 3,
  STORE_SOUND: 3,
  FILE_EXISTS: 3,
  STORE_FORMAT: 3,
  UNSUPPORTED: 3,
  UNSUPPORTED_COMPRESSION: 3,
  DOMAIN_NOT_RUNNING: 3,
  DOMAIN_RUNNING: 3,
  DOMAIN_HAS_SNAPSHOTS: 3,
  HEADS_DIRTY: 3,
  COMPACTION_UNFINISHED: 3,
  MERGE_WOULD_ORPHAN: 3,
  DISCARD_WOULD_ORPHAN: 3,
  BASE_IMAGE_SHARED: 3,
  BASE_IMAGE_READ_ONLY: 3,
  BASE_IMAGE_LARGER: 3,
  BASE_PENDING: 3,
  NOTHING_BELOW: 3,
  CHAIN_TOO_DEEP: 3,
  TOO_MANY_SNAPSHOTS: 3,
  IMAGE_INVALID: 3,
  IMAGE_IN_USE: 3,
  FILES_CHANGED: 3,
  CHECKPOINT_UNTRUSTED: 3,
  KEY_UNSAFE: 3,
  MEMORY_UNUSABLE: 3,
  // 4: no such thing
  DOMAIN_NOT_FOUND: 4,
  SNAPSHOT_NOT_FOUND: 4,
  STORE_NOT_FOUND: 4,
  FILE_NOT_FOUND: 4,
  POSITION_NOT_FOUND: 4,
  // 5: not now; trying again may work
  LOG_BUSY: 5,
  OPERATION_IN_PROGRESS: 5,
  REVISION_CONFLICT: 5,
  COMMAND_ID_REUSED: 5,
  IMAGE_LOCKED: 5,
  CURSOR_BUSY: 5,
  GUEST_BUSY: 5,
  // 6: the log is not what it was
  LOG_DAMAGED: 6,
  LOG_BEHIND: 6,
  BACKUP_INVALID: 6,
  CHECKPOINT_MISMATCH: 6,
  LOG_FORKED: 6,
  CURSOR_MISMATCH: 6,
  INTERRUPTED: 130,
} as const;

export type ErrorCode = keyof typeof exitStatusOf;

/** What the rule or the tool saw: plain JSON, meant for programs. */
export type ErrorFacts = Readonly<Record<string, unknown>>;

/** A failure with a stable code, one plain sentence, and the smallest next step that would help. */
export class SnapledgerError extends Error {
  override readonly name = "SnapledgerError";
  readonly code: ErrorCode;
  readonly facts: ErrorFacts;
  readonly hint: string | undefined;
  /** Where in the log this failure was recorded, if it was. */
  position: number | undefined;

  constructor(code: ErrorCode, message: string, options: { facts?: ErrorFacts; hint?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.facts = options.facts ?? {};
    this.hint = options.hint;
  }

  toJSON(): { code: ErrorCode; message: string; facts: ErrorFacts; hint: string | null; position: number | null } {
    const { code, message, facts, hint, position } = this;
    return { code, message, facts, hint: hint ?? null, position: position ?? null };
  }
}

export function isSnapledgerError(error: unknown, code?: ErrorCode): error is SnapledgerError {
  return error instanceof SnapledgerError && (code === undefined || error.code === code);
}

/**
 * Commands of ours stand in hints between backticks: so that a printer of hints can tell them from the text around them,
 * and say in them which store is meant. Their words are quoted for a POSIX shell.
 */
export function cliCommand(...words: readonly string[]): string {
  return `\`${["snapledger", ...words].map(shellQuote).join(" ")}\``;
}

export function shellQuote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}

/** To its closing backtick: one in quotes is a word's own. */
const command = /`snapledger((?: (?:\\'|[^\s'`\\]|'[^']*')+)+)`/g;

/** The hint for somebody who names the store on the command line, and has to do so again. */
export function withStoreOption(hint: string, store: string | undefined): string {
  if (store === undefined) return hint;
  return hint.replace(command, (_, words: string) => `\`snapledger --store ${shellQuote(store)}${words}\``);
}
