// Small Broden data sets in a temporary folder, for tests.
import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import sharp from 'sharp';

/** A folder that is removed when the test is over. */
export async function temporaryFolder(t) {
  const folder = await fs.mkdtemp(path.join(os.tmpdir(), 'netdissect-test-'));
  t.teardown(() => fs.rm(folder, { recursive: true, force: true }));
  return folder;
}

/** An RGB PNG or JPEG of one colour, or of the pixels `[height, width, 3]`. */
export async function writeImage(file, width, height, pixels = [128, 128, 128]) {
  await fs.mkdir(path.dirname(file), { recursive: true });
  const data =
    pixels.length === 3
      ? Buffer.from(Array.from({ length: width * height }, () => pixels).flat())
      : Buffer.from(pixels);
  await sharp(data, { raw: { width, height, channels: 3 } }).toFile(file);
}

/** A label map as Broden has them: the label is R + 256·G. */
export function writeLabelMap(file, width, height, labels) {
  return writeImage(file, width, height, Array.from(labels, label => [label % 256, label >> 8, 0]).flat());
}

/** Writes `files`, text by name. */
export async function writeFiles(folder, files) {
  for (const [name, text] of Object.entries(files)) {
    await fs.mkdir(path.dirname(path.join(folder, name)), { recursive: true });
    await fs.writeFile(path.join(folder, name), text);
  }
}

export const INDEX_HEADER = 'image,split,ih,iw,sh,sw,color,object,scene';

/**
 * A data set with three categories: color (1 red-c, 2 blue-c), object (3 traffic_light, 5 cat, 300 dog) and
 * scene (6 street-s); 4 is a gap. Images are 8×8, label maps 4×4.
 */
export async function writeBroden(folder, rows, files = {}) {
  await writeFiles(folder, {
    'index.csv': `${[INDEX_HEADER, ...rows].join('\n')}\n`,
    'category.csv': 'name,first,last,count,frequency\ncolor,1,2,2,10\nobject,3,300,3,10\nscene,6,6,1,10\n',
    'label.csv':
      'number,name,category,frequency,coverage,syns\n1,red-c,color(3),3,1,\n2,blue-c,color(3),3,1,\n' +
      '3,traffic_light,object(3),3,1,\n5,cat,object(2);scene(9),2,1,\n6,street-s,scene(3),3,1,\n300,dog,object(1),1,1,\n',
    'c_color.csv': 'code,number,name,frequency,coverage\n1,1,red-c,3,1.5\n2,2,blue-c,3,1.5\n',
    'c_object.csv':
      'code,number,name,frequency,coverage,syns\n0,0,none,0,0,\n1,3,traffic_light,3,1,\n2,5,cat,2,0.75,\n3,300,dog,1,1,\n',
    'c_scene.csv': 'code,number,name,frequency,coverage\n1,6,street-s,3,3\n2,5,cat,9,0.75\n',
    ...files,
  });
  await writeImage(path.join(folder, 'images/a.png'), 8, 8, [10, 20, 30]);
  await writeImage(path.join(folder, 'images/b.png'), 8, 8, [200, 100, 50]);
  await writeLabelMap(
    path.join(folder, 'images/a_object.png'),
    4,
    4,
    [3, 3, 5, 5, 3, 3, 5, 5, 300, 300, 0, 0, 300, 300, 0, 4],
  );
  await writeLabelMap(path.join(folder, 'images/a_color.png'), 4, 4, Array(16).fill(1));
  return folder;
}

export const ROW_A = 'a.png,train,8,8,4,4,a_color.png,a_object.png,6';
export const ROW_B = 'b.png,train,8,8,4,4,2,,';
