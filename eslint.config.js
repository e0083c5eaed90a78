import tseslint from "typescript-eslint";
import { importOrder } from "./scripts/import-order.mjs";

/** What decides, folds or says something is handed all that it needs: it is the same wherever and whenever it runs. */
const pure = [
  ...["proof", "projections", "policy", "web", "xml"],
  // A hash is asked of Node for its speed.
  ...["events/!(hash).ts", "export/{exported,formats,cloudevents,ocsf,syslog}.ts"],
];
const effects = [
  { group: ["node:*"], message: "Pure: no files, sockets or processes." },
  { group: ["level", "classic-level"], message: "Only the log touches the database." },
];

export default tseslint.config(
  { ignores: ["dist/", "dist.new-*/", "coverage/"] },
  ...tseslint.configs.strictTypeChecked,
  {
    languageOptions: {
      parserOptions: {
        projectService: {
          allowDefaultProject: ["*.js", "scripts/*.mjs", "scripts/*.cjs", "src/evidence/auditor/*.mjs"],
        },
      },
    },
  },
  {
    rules: {
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true, allowBoolean: true }],
      "@typescript-eslint/no-confusing-void-expression": [
        "error",
        { ignoreArrowShorthand: true, ignoreVoidReturningFunctions: true },
      ],
      "@typescript-eslint/no-non-null-assertion": "error",
      "@typescript-eslint/switch-exhaustiveness-check": ["error", { considerDefaultExhaustiveForUnions: true }],
    },
  },
  {
    files: ["src/**"],
    plugins: { snapledger: { rules: { "import-order": importOrder } } },
    rules: { "snapledger/import-order": "error" },
  },
  {
    files: [...pure, "commands/{rules,what-if}", "commands/request.ts"].map(
      (room) => `src/${room}${room.endsWith(".ts") ? "" : "/**"}`,
    ),
    rules: { "no-restricted-imports": ["error", { patterns: effects }] },
  },
  { files: ["**/*.js", "**/*.mjs", "**/*.cjs"], extends: [tseslint.configs.disableTypeChecked] },
  { files: ["**/*.cjs"], rules: { "@typescript-eslint/no-require-imports": "off" } },
  { files: ["test/**", "bench/**"], rules: { "@typescript-eslint/no-non-null-assertion": "off" } },
);
