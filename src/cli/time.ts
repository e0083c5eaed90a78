/** An ISO 8601 time as virsh shows it, in the machine's time zone: `2026-11-24 04:13:00 +0000`. */
export function localTime(iso: string): string {
  const time = new Date(iso);
  const date = [time.getFullYear(), two(time.getMonth() + 1), two(time.getDate())].join("-");
  const clock = [time.getHours(), time.getMinutes(), time.getSeconds()].map(two).join(":");
  const offset = -time.getTimezoneOffset();
  const ahead = Math.abs(offset);
  return `${date} ${clock} ${offset < 0 ? "-" : "+"}${two(Math.floor(ahead / 60))}${two(ahead % 60)}`;
}

function two(value: number): string {
  return String(value).padStart(2, "0");
}
