/** Put in by scripts/build.mjs from package.json. */
declare const SNAPLEDGER_VERSION: string | undefined;

export const version: string = typeof SNAPLEDGER_VERSION === "string" ? SNAPLEDGER_VERSION : "0.0.0";
