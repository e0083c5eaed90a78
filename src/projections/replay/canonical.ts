/**
 * A projection as one text that depends on what is in it and not on the order in which it came: keys sorted, Maps and
 * Sets as sorted lists. Two states are equal exactly when their texts are, so that a hash of it stands for the state.
 */
export function canonicalText(value: unknown): string {
  if (value instanceof Map)
    return list(
      "map",
      [...value].map(([key, inside]) => `${canonicalText(key)}:${canonicalText(inside)}`),
    );
  if (value instanceof Set) return list("set", [...value].map(canonicalText));
  if (Array.isArray(value)) return `[${value.map(canonicalText).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  return list(
    "",
    Object.entries(value).map(([key, inside]) => `${JSON.stringify(key)}:${canonicalText(inside)}`),
  );
}

function list(kind: string, parts: readonly string[]): string {
  return `${kind}{${[...parts].sort().join(",")}}`;
}
