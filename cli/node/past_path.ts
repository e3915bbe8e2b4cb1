/**
 * Where a recipe is to look for an absolute path: one in a snapshot, for what is in the same volume, in that snapshot; every other where it is.
 * `placesOf`: where a volume is mounted.
 */
export function pastPath(
  recipe: string,
  path: string,
  placesOf: (volume: string) => readonly string[],
): string {
  const [, top, volume, moment] = recipe.split("/");
  if (top !== "snap" || !volume || !moment) return path;
  const places = placesOf(volume).map((place) => place.replace(/\/$/, ""));
  const place = places.filter((each) => path === each || path.startsWith(`${each}/`))
    .reduce<string | undefined>(
      (best, each) => best !== undefined && best.length >= each.length ? best : each,
      undefined,
    );
  return place === undefined ? path : `/snap/${volume}/${moment}${path.slice(place.length)}`;
}
