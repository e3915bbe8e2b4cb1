/**
 * The median of the slopes between every two points (Theil and Sen): one outlier more or less does not change it, as it
 * would the straight line with the least squares.
 */
export function slope(points: readonly (readonly [number, number])[]): number {
  const slopes = points.flatMap(([x1, y1], i) =>
    points.slice(i + 1).map(([x2, y2]) => (y2 - y1) / (x2 - x1))
  );
  return slopes.length === 0 ? 0 : slopes.sort((a, b) => a - b)[slopes.length >> 1];
}
