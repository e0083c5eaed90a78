import { cliCommand } from "../../errors.ts";
import type { DefineDomain } from "../../events/command.ts";
import type { MakeOverlay } from "../../events/plan.ts";
import type { DefinedDisk } from "../../events/records.ts";
import type { DomainState } from "../../projections/state.ts";
import type { DefineFacts, Facts } from "./decision.ts";
import { accept, refuse } from "./decision.ts";
import { madeFile } from "./heads.ts";
import type { CommandRule } from "./rule.ts";

/** A domain comes under management: one empty overlay per disk on its base image, which is never written to. */
export const defineDomain: CommandRule<DefineDomain> = {
  permit(state, facts, command) {
    const define = factsOf(facts);
    if (define.taken !== null) refuseTaken(state, define.taken, command);
    for (const { path, domain, kept } of define.ours) {
      const why = kept ? "other files may stand on it" : "a layer must never be written to by another guest";
      const hint = `Define the domain on a whole copy, made by \`qemu-img convert -O qcow2 IMAGE COPY\`: ${why}.`;
      const what = kept ? "a file that undefine left, of" : "a layer or head of";
      refuse("IMAGE_IN_USE", `${path} is ${what} domain "${domain}".`, hint, { path, domain });
    }
    for (const { path, domain } of define.pending) {
      const hint = `Let it end first: ${cliCommand("compact", domain)}. If it was undefined with --keep-files it never will: take a copy.`;
      refuse("BASE_PENDING", `${path} is being rewritten by a merge of domain "${domain}".`, hint, { path, domain });
    }
  },
  decide(_state, facts, command, { newId }) {
    const define = factsOf(facts);
    const bases = command.disks.map((disk) => ({ ...disk, base: newId() }));
    const steps = bases.map(({ target, path, format, base }): MakeOverlay => {
      const layer = newId();
      const virtualBytes = imageOf(define, target).file.virtualBytes;
      const head = { layer, path: `${define.layersFolder}/${layer}.qcow2` };
      return { step: "overlay", target, ...head, backing: { path, format }, backingLayer: base, virtualBytes };
    });
    const { name, driver, memoryMib, vcpus, accelerator, guestAgent, unmanaged, xmlSha256 } = command;
    return accept({ steps }, (made) => ({
      type: "DomainDefined",
      schema: 1,
      data: {
        ...{ name, driver, memoryMib, vcpus, ...(accelerator && { accelerator }), ...(guestAgent && { guestAgent }) },
        layersFolder: define.layersFolder,
        disks: bases.map(({ target, base }, i): DefinedDisk => {
          const layer = steps[i]?.layer ?? "";
          const head = { ...madeFile(made, layer), target, layer, backing: base };
          return { target, base, image: imageOf(define, target), head };
        }),
        ...{ unmanaged, xmlSha256 },
      },
    }));
  },
};

function factsOf({ define }: Facts): DefineFacts {
  if (!define) throw new Error("define needs the facts of its images");
  return define;
}

/** By its name, or by its uuid, whose state this is. */
function refuseTaken(state: DomainState, taken: string, { name, uuid }: DefineDomain): never {
  const owner = state.defined ? state.name : null;
  if (owner === null || (taken === name && owner !== name)) {
    const hint = "Choose another name, or undefine that domain first.";
    return refuse("DOMAIN_EXISTS", `Domain "${taken}" exists already.`, hint, { domain: name });
  }
  const [message, choose] =
    owner === name
      ? [`Domain "${name}" exists already, with this uuid.`, "Choose another name and another uuid"]
      : [`Domain "${owner}" has the uuid ${uuid} already.`, "Choose another uuid"];
  const hint = `${choose} (<uuid> or --uuid; without, one is made up), or undefine that domain first.`;
  return refuse("DOMAIN_EXISTS", message, hint, { domain: name, uuid, owner });
}

function imageOf(define: DefineFacts, target: string) {
  const image = define.images[target];
  if (!image) throw new Error(`no facts of the image of disk ${target}`);
  return image;
}
