import tseslint from "typescript-eslint";

/** Folders that a folder's files may not import from: imports run one way (see ARCHITECTURE.md). */
const forbid = (...patterns) => ({
  "no-restricted-imports": [
    "error",
    { patterns: patterns.map((group) => ({ group: [group.glob], message: group.why })) },
  ],
});
const effects = [
  { glob: "node:*", why: "Rules, projections and event types are pure: no files, sockets or processes." },
  { glob: "level", why: "Only the log touches the database." },
];
const layer = (glob) => ({ glob, why: "Imports run one way: events <- projections <- commands <- index <- cli." });

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
    files: ["src/events/**"],
    rules: forbid(layer("../{projections,commands,drivers,xml,cli}/**"), layer("../{index,face,connection}.ts")),
  },
  {
    files: ["src/projections/**"],
    rules: forbid(...effects, layer("../{commands,drivers,xml,cli}/**"), layer("../{index,face,connection}.ts")),
  },
  {
    files: ["src/export/{exported,formats,cloudevents,ocsf,syslog}.ts"],
    rules: forbid(...effects, layer("../{commands,drivers,xml,cli}/**"), layer("../{index,face,connection}.ts")),
  },
  { files: ["src/proof/**"], rules: forbid(...effects, layer("../**")) },
  {
    files: ["src/evidence/**"],
    rules: forbid(layer("../{commands,drivers,xml,cli}/**"), layer("../{index,face,connection}.ts")),
  },
  { files: ["src/drivers/**"], rules: forbid(layer("**/{projections,commands,xml,cli}/**")) },
  { files: ["src/xml/**"], rules: forbid(...effects, layer("../{commands,drivers,cli}/**")) },
  { files: ["src/commands/**"], rules: forbid(layer("../{xml,cli}/**"), layer("../{index,connection}.ts")) },
  { files: ["**/*.js", "**/*.mjs", "**/*.cjs"], extends: [tseslint.configs.disableTypeChecked] },
  { files: ["**/*.cjs"], rules: { "@typescript-eslint/no-require-imports": "off" } },
  { files: ["test/**", "bench/**"], rules: { "@typescript-eslint/no-non-null-assertion": "off" } },
);
