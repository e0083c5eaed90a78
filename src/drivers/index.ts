import type { DriverName } from "../events/records.ts";
import type { Driver } from "./driver.ts";
import { memoryDriver } from "./memory/index.ts";
import { qemuDriver } from "./qemu/index.ts";

const made = new Map<string, Driver>();

/**
 * This process's driver of that name, for a store with that run folder (without one: for files alone). What the memory driver simulates is one
 * machine, whatever the store.
 */
export function driverFor(name: DriverName, run?: string): Driver {
  const key = name === "memory" ? name : `${name} ${run ?? ""}`;
  const driver = made.get(key) ?? (name === "memory" ? memoryDriver() : qemuDriver(run === undefined ? {} : { run }));
  made.set(key, driver);
  return driver;
}
