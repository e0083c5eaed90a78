/**
 * Waits for the work on every item, a few at a time: each of them starts a program that takes some milliseconds. What
 * failed is thrown when all work has ended, so that none of it goes on behind the caller; the first item's error first.
 */
export async function eachOf<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (let i = 0; i < items.length; i += atOnce) {
    results.push(...(await allOf(items.slice(i, i + atOnce).map(work))));
  }
  return results;
}

/** As `Promise.all`, but what failed is thrown when everything has ended. */
export async function allOf<T>(work: readonly Promise<T>[]): Promise<T[]> {
  const ended = await Promise.allSettled(work);
  return ended.map((one) => {
    if (one.status === "rejected") throw one.reason;
    return one.value;
  });
}

const atOnce = 4;
