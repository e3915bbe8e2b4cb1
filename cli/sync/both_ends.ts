import type { End } from "./end.ts";

/** Both ends of an exchange, which are opened at once, as the stores of homes take their time. Where one cannot be, none stays open. */
export async function bothEnds(mine: Promise<End>, theirs: Promise<End>): Promise<[End, End]> {
  const opened = await Promise.allSettled([mine, theirs]);
  const [own, other] = opened;
  if (own.status === "fulfilled" && other.status === "fulfilled") return [own.value, other.value];
  for (const each of opened) if (each.status === "fulfilled") await each.value.close();
  throw opened.find((each) => each.status === "rejected")!.reason;
}
