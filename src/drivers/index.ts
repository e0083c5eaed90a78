import type { DriverName } from "../events/records.ts";
import type { Driver } from "./driver.ts";
import { memoryDriver } from "./memory.ts";
import { qemuDriver } from "./qemu/index.ts";

const made = new Map<DriverName, Driver>();

/** This process's driver of that name: one each, so that what the memory driver simulates is one machine. */
export function driverFor(name: DriverName): Driver {
  const driver = made.get(name) ?? { memory: memoryDriver, qemu: qemuDriver }[name]();
  made.set(name, driver);
  return driver;
}
