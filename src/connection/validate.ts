import * as v from "valibot";
import { callback, parse, said, strict, text } from "../commands/validate.ts";
import type { EvidenceRequest, OnVerified, StoreRequest } from "./api.ts";

/** What only the store's own verbs take, checked as commands are. */

export function parseStoreRequest(input: unknown = {}): StoreRequest {
  return parse("request", storeRequest, input);
}

export function parseEvidenceRequest(domain: unknown, file: unknown, input: unknown): EvidenceRequest {
  parse("export", exported, { domain, file });
  return parse("evidence request", evidence, input);
}

const time = v.nullable(
  v.pipe(text, v.regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/, "a time like 2026-11-25T10:00:00.000Z")),
);
const storeRequest = strict<StoreRequest>({ ...said, onVerified: callback<OnVerified>() });
const exported = v.object({ domain: text, file: text });
const evidence = strict<EvidenceRequest>({ since: time, until: time, key: v.optional(text) });
