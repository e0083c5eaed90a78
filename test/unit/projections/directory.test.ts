import { test } from "@fast-check/vitest";
import { describe, expect } from "vitest";
import type { Command } from "../../../src/events/command.ts";
import {
  applyDirectory,
  definedDomains,
  definingIdOf,
  domainIdOf,
  emptyDirectory,
  knownDomains,
  summaries,
} from "../../../src/projections/directory.ts";
import {
  applyFileDirectory,
  baseUses,
  emptyFileDirectory,
  layerAt,
  pendingBaseAt,
  pendingBases,
} from "../../../src/projections/file-directory.ts";
import { domainInfo } from "../../../src/projections/views/views.ts";
import { Historian, history, statesOf } from "../../support/histories.ts";

function started() {
  const historian = new Historian();
  const [web = "", db = ""] = historian.domains;
  historian.play({ verb: "define", domain: web });
  const directory = () => {
    const folded = emptyDirectory();
    for (const record of historian.records) applyDirectory(folded, record);
    return folded;
  };
  const files = () => {
    const folded = emptyFileDirectory();
    for (const record of historian.records) applyFileDirectory(folded, record);
    return folded;
  };
  const state = historian.state(web);
  const create = (name: string) => {
    const command = { type: "CreateSnapshot", domain: state.name, name, description: "", compression: null } as const;
    historian.run(web, { ...command, offline: true, diskOnly: true });
  };
  const merge = (snapshot: string, more: Parameters<Historian["run"]>[2] = {}) => {
    const command: Command = {
      type: "MergeSnapshot",
      domain: state.name,
      snapshot,
      force: false,
      discardChanges: false,
    };
    historian.run(web, command, more);
  };
  const base = () => state.layers.get(state.bases["vda"]!)!.file;
  return { historian, web, db, directory, files, state, create, merge, base };
}

describe("names", () => {
  test("lead to defined domains only, uuids too", () => {
    const { historian, web, db, directory, state } = started();
    const { name } = state;
    expect([domainIdOf(directory(), name), domainIdOf(directory(), web)]).toEqual([web, web]);
    expect(domainIdOf(directory(), "nope")).toBeUndefined();
    expect(domainIdOf(directory(), db)).toBeUndefined();
    historian.play({ verb: "define", domain: db });
    expect(definedDomains(directory())).toEqual([web, db]);
    historian.play({ verb: "undefine", domain: web, force: true });
    expect([domainIdOf(directory(), name), domainIdOf(directory(), web)]).toEqual([undefined, undefined]);
    expect(definedDomains(directory())).toEqual([db]);
    expect(knownDomains(directory())).toEqual([web, db]);
  });

  test("are claimed by a definition under way, and free again when it fails", () => {
    const { historian, db, directory } = started();
    historian.play({ verb: "define", domain: db, end: "none" });
    const { name } = historian.state(db);
    expect([definingIdOf(directory(), name), domainIdOf(directory(), name)]).toEqual([db, undefined]);
    historian.play({ verb: "define", domain: db, end: "failure" });
    expect(definingIdOf(directory(), name)).toBeUndefined();
    historian.play({ verb: "define", domain: db });
    expect([definingIdOf(directory(), name), domainIdOf(directory(), name)]).toEqual([undefined, db]);
  });
});

describe("users of base images", () => {
  const paths = (uses: readonly { path: string }[]) => uses.map(({ path }) => path.split("/").at(-1));

  test("are counted over the whole backing chain of every disk", () => {
    const { historian, web, db, files } = started();
    historian.play({ verb: "define", domain: db, pick: 1 });
    const uses = baseUses(files());
    expect(uses.map(({ domain, target }) => `${domain === web ? "web" : "db"} ${target}`)).toEqual(
      ["web vda", "web vda", "db vda", "db vda", "db vdb", "db vdb"], // prettier-ignore
    );
    const [image = "", golden = ""] = paths(uses);
    expect(golden).toBe(`${image}.golden`);
    expect(uses.every(({ device, inode, kept }) => device === "1" && Number(inode) > 0 && !kept)).toBe(true);
  });

  test("include a definition under way, until it fails", () => {
    const { historian, db, files } = started();
    historian.play({ verb: "define", domain: db, end: "none" });
    expect(baseUses(files()).filter(({ domain }) => domain === db)).toHaveLength(2);
    expect(baseUses(files()).at(-1)?.domainName).toBe(historian.state(db).name);
    historian.play({ verb: "define", domain: db, end: "failure" });
    expect(baseUses(files()).filter(({ domain }) => domain === db)).toEqual([]);
  });

  test("are gone with undefine, but for the files that it kept", () => {
    const removed = started();
    removed.historian.play({ verb: "undefine", domain: removed.web, force: true, pick: 0 });
    expect(baseUses(removed.files())).toEqual([]);
    const kept = started();
    kept.historian.play({ verb: "undefine", domain: kept.web, force: true, pick: 1 });
    expect(baseUses(kept.files()).map((use) => use.kept)).toEqual([true, true]);
    kept.historian.play({ verb: "define", domain: kept.web });
    expect(baseUses(kept.files()).map((use) => use.kept)).toEqual([true, true, false, false]);
  });
});

describe("files of ours", () => {
  test("are known by path and by device and inode: heads, layers, and what is being made", () => {
    const { create, files, state, historian, web, base } = started();
    create("a");
    const own = [...state.layers.values()].filter(({ backing }) => backing !== null).map(({ file }) => file);
    expect(own).toHaveLength(2);
    for (const file of own) {
      expect(layerAt(files(), file)).toBe(state.name);
      expect(layerAt(files(), { ...file, path: "/a-hard-link" })).toBe(state.name);
      expect(layerAt(files(), { ...file, inode: "0" })).toBe(state.name);
      expect(layerAt(files(), { ...file, path: "/another-file", device: "2" })).toBeUndefined();
    }
    expect(layerAt(files(), base())).toBeUndefined();
    historian.play({ verb: "move", domain: web, end: "none" });
    const [step] = state.operation!.plan.steps;
    const path = step?.step === "overlay" ? step.path : "";
    expect(layerAt(files(), { path, device: "9", inode: "9" })).toBe(state.name);
  });

  test("stay ours until LayersRemoved, and those that undefine kept for good", () => {
    const { historian, web, files, state } = started();
    const head = state.layers.get(state.heads["vda"]!)!.file;
    historian.play({ verb: "undefine", domain: web, force: true, pick: 0 });
    expect(layerAt(files(), head)).toBe(state.name);
    historian.play({ verb: "remove", domain: web });
    expect(layerAt(files(), head)).toBeUndefined();
    const kept = started();
    const left = kept.state.layers.get(kept.state.heads["vda"]!)!.file;
    kept.historian.play({ verb: "undefine", domain: kept.web, force: true, pick: 1 });
    expect(layerAt(kept.files(), left)).toBe(kept.state.name);
  });
});

describe("a base image is pending", () => {
  test("from the intent of a merge into it to the last fold", () => {
    const { create, merge, files, state, base, historian, web } = started();
    create("a");
    expect(pendingBases(files())).toEqual([]);
    merge("a", { end: "none" });
    expect(pendingBaseAt(files(), base())).toBe(state.name);
    merge("a");
    expect(pendingBaseAt(files(), base())).toBe(state.name);
    expect(pendingBaseAt(files(), { device: "1", inode: "0", path: "/other" })).toBeUndefined();
    expect(pendingBaseAt(files(), { ...base(), inode: "0" }), "put back from a backup").toBe(state.name);
    historian.play({ verb: "fold", domain: web });
    expect(pendingBases(files())).toEqual([]);
  });

  test("no longer when the merge fails", () => {
    const { create, merge, files } = started();
    create("a");
    merge("a", { end: "failure" });
    expect(pendingBases(files())).toEqual([]);
  });

  test("not by a merge into another snapshot", () => {
    const { create, merge, files } = started();
    create("a");
    create("b");
    merge("b", { end: "none" });
    expect(pendingBases(files())).toEqual([]);
    merge("b");
    expect(pendingBases(files())).toEqual([]);
  });

  test.each([[0], [1]])("through two merges whose folds are done from number %i on", (pick) => {
    const { create, merge, files, base, state, historian, web } = started();
    for (const name of ["a", "b", "c"]) create(name);
    merge("a");
    merge("b");
    historian.play({ verb: "fold", domain: web, pick });
    expect(pendingBaseAt(files(), base())).toBe(state.name);
    historian.play({ verb: "fold", domain: web });
    expect(pendingBases(files())).toEqual([]);
  });

  test.prop([history])(
    "in every history exactly while its base role is another layer, or a merge is open; and for ever when its domain leaves",
    (records) => {
      const files = emptyFileDirectory();
      const states = statesOf();
      const unfolded = new Map<string, string[]>();
      const left = new Map<string, string[]>();
      for (const record of records) {
        applyFileDirectory(files, record);
        const state = states.apply(record);
        if (!state) continue;
        if (record.type === "DomainUndefined" && record.data.kept.length > 0)
          left.set(state.id, [...(left.get(state.id) ?? []), ...(unfolded.get(state.id) ?? [])]);
        const now = state.disks.filter((target) => state.baseRoles[target] !== state.bases[target]);
        unfolded.set(state.id, now);
        const { operation } = state;
        const merging = operation?.command.type === "MergeSnapshot" && operation.plan.folds.length > 0;
        if (merging) continue;
        const pending = pendingBases(files).filter(({ domain }) => domain === state.id);
        expect(pending.map(({ target }) => target).sort()).toEqual([...(left.get(state.id) ?? []), ...now].sort());
      }
    },
  );

  test.prop([history])("and its names, files and bases are those of the domains' own states", (records) => {
    const [directory, files] = [emptyDirectory(), emptyFileDirectory()];
    const states = statesOf();
    for (const record of records) {
      applyDirectory(directory, record);
      applyFileDirectory(files, record);
      const state = states.apply(record);
      if (!state) continue;
      expect(domainIdOf(directory, state.id)).toBe(state.defined ? state.id : undefined);
      const listed = files.domains.get(state.id)!;
      const own = [...state.layers.values()].filter(({ backing }) => backing !== null);
      for (const { id, file } of own)
        expect(listed.files.get(id)).toMatchObject({ path: file.path, inode: file.inode });
      const bases = listed.disks.filter(({ kept }) => !kept).map(({ file }) => file);
      expect(bases).toEqual(state.disks.map((target) => state.layers.get(state.bases[target]!)!.file));
    }
  });

  test.prop([history])("and a list of it shows what each domain's own state does", (records) => {
    const directory = emptyDirectory();
    const states = statesOf();
    const shown = new Map<string, unknown>();
    for (const record of records) {
      applyDirectory(directory, record);
      const state = states.apply(record);
      if (!state) continue;
      const { id, name, state: guest, operation } = domainInfo(state);
      if (state.defined) shown.set(name, { id, name, state: guest, operation });
      else shown.delete(name);
      expect(summaries(directory)).toEqual([...shown].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, one]) => one));
    }
  });
});
