// Tables of counts, label by label, of which most are zero where labels are many: only the others are held, so that a
// table grows with what was counted and not with the square of the classes. Plain objects: JSON and structured cloning
// keep them, and equal tables are equal JSON.

/** Counts by row, then by column; what is not there is zero. */
export type Cells = Readonly<Record<number, Readonly<Record<number, number>>>>;

/** The same, to add to. */
export type MutableCells = Record<number, Record<number, number>>;

export function addCell(cells: MutableCells, row: number, column: number, count = 1): void {
  cells[row] ??= {};
  const columns = cells[row];
  columns[column] = (columns[column] ?? 0) + count;
}

export function cellAt(cells: Cells, row: number, column: number): number {
  return cells[row]?.[column] ?? 0;
}

/** All that is not zero, as [row, column, count]. */
function entriesOf(cells: Cells): [row: number, column: number, count: number][] {
  return Object.entries(cells).flatMap(([row, columns]) =>
    Object.entries(columns).map(([column, count]): [number, number, number] => [
      Number(row),
      Number(column),
      count,
    ]),
  );
}

export function addCells(cells: MutableCells, more: Cells): void {
  for (const [row, column, count] of entriesOf(more)) addCell(cells, row, column, count);
}

/** Every count changed, by a function that keeps zero. */
export function mapCells(cells: Cells, change: (count: number) => number): MutableCells {
  const changed: MutableCells = {};
  for (const [row, column, count] of entriesOf(cells)) {
    const value = change(count);
    if (value !== 0) addCell(changed, row, column, value);
  }
  return changed;
}

/** Sums of the rows and of the columns, [size] each. */
export function sumsOf(cells: Cells, size: number): { rows: number[]; columns: number[] } {
  const [rows, columns] = [new Array<number>(size).fill(0), new Array<number>(size).fill(0)];
  for (const [row, column, count] of entriesOf(cells)) {
    rows[row]! += count;
    columns[column]! += count;
  }
  return { rows, columns };
}
