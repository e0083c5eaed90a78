/** What the help of verbs that take a condition says of it. */
export const conditionHelp =
  "A condition compares fields with texts in quotes, numbers (also 3 GiB), true, false and null by == != < <= > >= or " +
  'contains, joined by and, or, not and parentheses: current == "db", snapshots.count > 10, depth >= 50, ' +
  'guest != "off", snapshots.names contains "db", snapshot("db").parent == "root". It is never run as code; ' +
  "docs/investigating.md lists every field.";
