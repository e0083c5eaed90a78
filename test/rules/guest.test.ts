import { describe, test } from "vitest";
import {
  created,
  deactivated,
  destroy,
  domainDefined,
  driverWith,
  given,
  running,
  start,
  stopped,
  written,
} from "./given.ts";

describe("starting a guest", () => {
  test.each([
    [false, "running"],
    [true, "paused"],
  ])("boots it on its heads as they are (paused: %s)", (paused, state) => {
    given(domainDefined(), created("a"), written())
      .when(start(paused))
      .does("DomainStarted", { from: { name: "a" }, state, memoryLoaded: false })
      .shows({})
      .leaves("a*");
  });

  test("on the base is from no snapshot", () => {
    given(domainDefined(), created("a"), deactivated("a")).when(start()).does("DomainStarted", { from: null });
  });

  test.each([false, true])("that runs already is refused (paused: %s)", (paused) => {
    given(domainDefined(), running(paused))
      .when(start())
      .refuses("DOMAIN_RUNNING", { domain: "vm" }, /^Nothing is to be done; see `snapledger domstate vm`\.$/);
  });

  test("is refused where the driver runs none", () => {
    given(domainDefined(), driverWith({ guests: false }))
      .when(start())
      .refuses("UNSUPPORTED", { driver: "memory" }, /^Start it by your own means .*`snapledger domblklist vm`/);
  });

  test("may be done again once it is stopped", () => {
    given(domainDefined(), running(), stopped()).when(start()).does("DomainStarted");
  });
});

describe("destroying a guest", () => {
  test.each([false, true])("stops it (paused: %s)", (paused) => {
    given(domainDefined(), running(paused))
      .when(destroy())
      .does("DomainStopped", { cause: "destroyed" })
      .shows({})
      .when(destroy())
      .refuses("DOMAIN_NOT_RUNNING", { domain: "vm" }, /^Nothing is to be done; see `snapledger domstate vm`\.$/);
  });

  test("that does not run is refused", () => {
    given(domainDefined())
      .when(destroy())
      .refuses("DOMAIN_NOT_RUNNING", { domain: "vm" }, /domstate/);
  });
});
