/** What was put in last, by key. When all of it together has grown too large, what was put in first goes. */
export class Recent<V> {
  readonly #most: number;
  readonly #kept = new Map<string, { readonly value: V; readonly size: number }>();
  #size = 0;

  constructor(most: number) {
    this.#most = most;
  }

  /** It is in there no more afterwards. */
  take(key: string): V | undefined {
    const found = this.#kept.get(key);
    if (!found) return undefined;
    this.#kept.delete(key);
    this.#size -= found.size;
    return found.value;
  }

  /** What is put in last always stays, whatever its size. */
  put(key: string, value: V, size: number): void {
    this.take(key);
    for (const [first, { size: its }] of this.#kept) {
      if (this.#size + size <= this.#most) break;
      this.#kept.delete(first);
      this.#size -= its;
    }
    this.#kept.set(key, { value, size });
    this.#size += size;
  }
}
