// Writes the vendored browser files and the tracking script: run `npm ci` here first.
//
//     node frontend/build.mjs              into cultiva/static/cultiva
//     node frontend/build.mjs --out DIR    into DIR, to compare with what is committed
//
// The output depends on package-lock.json, icons.txt, the scripts beside it and licenses/ only, so that it can be rebuilt byte for byte.
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { gzipSync } from 'node:zlib'

const here = dirname(fileURLToPath(import.meta.url))
const modules = join(here, 'node_modules')
const { values: options } = parseArgs({ options: { out: { type: 'string' } } })
const out = options.out ? resolve(options.out) : join(here, '..', 'cultiva', 'static', 'cultiva')

const CODE = {
  'tabler.min.css': '@tabler/core/dist/css/tabler.min.css',
  'tabler.min.js': '@tabler/core/dist/js/tabler.min.js',
  'htmx.min.js': 'htmx.org/dist/htmx.min.js',
}
const LICENSES = {
  'LICENSE-tabler.txt': join(here, 'licenses', 'tabler-core.txt'),
  'LICENSE-tabler-icons.txt': join(modules, '@tabler', 'icons', 'LICENSE'),
  'LICENSE-popper.txt': join(modules, '@popperjs', 'core', 'LICENSE.md'), // bundled in tabler.min.js
  'LICENSE-htmx.txt': join(modules, 'htmx.org', 'LICENSE'),
  'LICENSE-altcha-lib.txt': join(modules, 'altcha-lib', 'LICENSE.txt'), // inside form.js and embed.js
}

if (!existsSync(modules)) fail(`No ${modules}.`, 'run `npm ci` in frontend/ first')
writeVendor(join(out, 'vendor'))
writeSprite(join(out, 'icons.svg'))
await writeScript(join(out, 't.js'))
await writeModule(join(out, 'banner.js'), 'banner.js', 3072)
await writeIsland(join(out, 'criteria.js'), 'criteria.js')
await writeBundle(join(out, 'forms.js'), 'forms.js', 20480)
await writeBundle(join(out, 'pages.js'), 'pages.js', 20480)
await writeBundle(join(out, 'countdown.js'), 'countdown.js', 1024)
await writeIsland(join(out, 'video.js'), 'video.js')
await writeBundle(join(out, 'form.js'), 'form.js', 10240)
await writeBundle(join(out, 'embed.js'), 'embed.js', 10240)

function writeVendor(folder) {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  for (const [name, source] of Object.entries(CODE)) {
    writeFileSync(join(folder, name), withoutSourceMap(readFileSync(join(modules, source), 'utf8')))
  }
  for (const [name, source] of Object.entries(LICENSES)) cpSync(source, join(folder, name))
}

// The maps are not shipped, and Django's hashed static files refuse a link to a missing file.
function withoutSourceMap(text) {
  return text.replace(/\n?\/[*/]# sourceMappingURL=\S+( \*\/)?\s*$/, '\n')
}

function writeSprite(path) {
  const names = readFileSync(join(here, 'icons.txt'), 'utf8').split('\n').filter((line) => line && !line.startsWith('#'))
  const symbols = names.map((name) => symbol(name)).join('\n')
  writeFileSync(path, `<svg xmlns="http://www.w3.org/2000/svg">\n<!-- Tabler Icons, MIT: vendor/LICENSE-tabler-icons.txt -->\n${symbols}\n</svg>\n`)
}

function symbol(name) {
  const path = join(modules, '@tabler', 'icons', 'icons', 'outline', `${name}.svg`)
  if (!existsSync(path)) fail(`No Tabler outline icon \`${name}\`, named in frontend/icons.txt.`, 'find its name at tabler.io/icons')
  const shapes = readFileSync(path, 'utf8')
    .match(/<(path|circle|rect|line|polyline|polygon|ellipse)\b[^>]*\/>/g)
    .filter((shape) => !shape.includes('stroke="none"')) // the invisible 24 × 24 frame
    .map((shape) => shape.replace(/\s+/g, ' ').replace(' />', '/>'))
  return `<symbol id="${name}" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-linecap="round" stroke-linejoin="round">${shapes.join('')}</symbol>`
}

async function writeScript(path) {
  const [{ minify }, { parse }] = [await import('terser'), await import('acorn')] // not before node_modules is known to be there
  const { code } = await minify(readFileSync(join(here, 't.js'), 'utf8'), { ecma: 2017, compress: { passes: 3, unsafe_arrows: true } })
  parse(code.replaceAll('import(', 'load('), { ecmaVersion: 2017 }) // throws at newer syntax
  const size = gzipSync(code, { level: 9 }).length
  if (size > 3072) fail(`t.js is ${size} bytes gzipped; sites were promised 3 KB.`, 'take something out')
  writeFileSync(path, code + '\n')
}

// What the server puts above it stays a name of its own.
async function writeModule(path, entry, most) {
  const { minify } = await import('terser')
  const { code } = await minify(readFileSync(join(here, entry), 'utf8'), { ecma: 2020, module: true, compress: { passes: 2 }, mangle: { reserved: ['NOTICE'] } })
  const size = gzipSync(code, { level: 9 }).length
  if (size > most) fail(`${entry} is ${size} bytes gzipped; sites were promised ${most / 1024} KB.`, 'take something out')
  writeFileSync(path, code + '\n')
}

async function writeIsland(path, entry) {
  const { minify } = await import('terser')
  const { code } = await minify(readFileSync(join(here, entry), 'utf8'), { ecma: 2020, compress: { passes: 2 } })
  const size = gzipSync(code, { level: 9 }).length
  if (size > 20480) fail(`${entry} is ${size} bytes gzipped; staff screens were promised 20 KB.`, 'take something out')
  writeFileSync(path, code + '\n')
}

// esbuild joins modules; nothing but what is named in package.json goes in.
async function writeBundle(path, entry, most) {
  const { buildSync } = await import('esbuild')
  const { outputFiles } = buildSync({
    entryPoints: [join(here, entry)], bundle: true, minify: true, format: 'iife', target: 'es2020', legalComments: 'none', write: false,
  })
  const code = outputFiles[0].text
  const size = gzipSync(code, { level: 9 }).length
  if (size > most) fail(`${entry} is ${size} bytes gzipped; sites were promised ${most / 1024} KB.`, 'take something out')
  writeFileSync(path, code)
}

function fail(problem, hint) {
  console.error(`${problem}\nhint: ${hint}`)
  process.exit(1)
}
