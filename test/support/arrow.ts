// Parquet through the readers and writers of Apache Arrow's own authors: parquet-wasm, which is their Rust, and
// apache-arrow, which makes and shows its tables.

import { type Table, tableFromIPC, tableToIPC } from 'apache-arrow';
import { readParquet, Table as WasmTable, WriterPropertiesBuilder, writeParquet } from 'parquet-wasm';

/** @param groupRows rows of a row group */
export function parquetOf(table: Table, groupRows: number): Buffer {
  const properties = new WriterPropertiesBuilder().setMaxRowGroupSize(groupRows).build();
  return Buffer.from(writeParquet(WasmTable.fromIPCStream(tableToIPC(table, 'stream')), properties));
}

export function tableOf(parquet: Uint8Array): Table {
  return tableFromIPC(readParquet(parquet).intoIPCStream());
}

/** Rows as text, in which every value of every type can be told from every other. */
export function rowsOf(table: Table): string[] {
  return table.toArray().map((row) => JSON.stringify(row, replacer));
}

function replacer(_: string, value: unknown): unknown {
  if (typeof value === 'bigint') return `${value}n`;
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  return value;
}
