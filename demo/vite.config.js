import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { defineConfig } from 'vite';

const OUTPUT = '../pgan_tf/exporting/page';
const SOURCES = ['index.html', 'package.json', 'package-lock.json', 'vite.config.js', 'src'];
const RECORD = 'built.json';

// What the package brings that pictures do not need: it registers itself where it is imported, and
// would stay for that. WebGL is not imported with the rest, but when it is asked for.
const NOT_AT_ONCE =
  /@tensorflow\/(tfjs|tfjs-layers|tfjs-data|tfjs-backend-cpu|tfjs-backend-webgl)\/dist\/index|\/register_all_(gradients|chained_ops)/;

/** Returns all files at or below a path, sorted. */
function filesOf(path) {
  try {
    return readdirSync(path).flatMap((name) => filesOf(join(path, name))).sort();
  } catch {
    return [path];
  }
}

const digest = (file) => createHash('sha256').update(readFileSync(file)).digest('hex');
const digests = (files, folder) =>
  Object.fromEntries(files.map((file) => [relative(folder, file), digest(file)]));

/** Writes down what the page was built from, and what came out: a test compares. */
const record = {
  name: 'record',
  closeBundle() {
    const pages = filesOf(OUTPUT).filter((file) => !file.endsWith(RECORD));
    const contents = {
      sources: digests(SOURCES.flatMap(filesOf).sort(), '.'),
      page: digests(pages, OUTPUT),
    };
    writeFileSync(join(OUTPUT, RECORD), JSON.stringify(contents, null, 1) + '\n');
  },
};

export default defineConfig({
  // Relative addresses: the page works below any path of any static host.
  base: './',
  build: {
    outDir: OUTPUT,
    emptyOutDir: true,
    target: 'es2022',
    license: { fileName: 'licenses.md' },
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 1000,
    rolldownOptions: {
      // The page, and the module for other people's pages, whose name and exports stay.
      input: { index: 'index.html', generator: 'src/generator.js' },
      preserveEntrySignatures: 'allow-extension',
      output: { entryFileNames: ({ name }) => (name === 'generator' ? '[name].js' : 'assets/[name]-[hash].js') },
      treeshake: { moduleSideEffects: (file) => !NOT_AT_ONCE.test(file) },
    },
  },
  plugins: [record],
});
