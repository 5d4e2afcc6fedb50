/** QR codes as paths of an SVG picture. Its library is fetched only where one is shown. */

/** What a camera needs to see around a code, in modules (ISO/IEC 18004). */
export const QUIET = 4;

export interface Picture {
  /** its width and height in modules, with what is left free around */
  readonly size: number;
  /** the dark modules, each row's runs as boxes */
  readonly path: string;
}

export async function qrOf(text: string): Promise<Picture> {
  const { encode } = await import("uqr");
  const { data, size } = encode(text, { ecc: "M", border: QUIET });
  return { size, path: data.map(rowPath).join("") };
}

function rowPath(row: readonly boolean[], y: number): string {
  let path = "";
  for (let x = 0; x < row.length; x++) {
    const from = x;
    while (row[x]) x++;
    if (x > from) path += `M${from} ${y}h${x - from}v1h-${x - from}z`;
  }
  return path;
}
