// npm packs no file from outside a package and follows no link: before packing, the C core, the Node-API headers and the licence are copied
// in; afterwards they go again.
import { cpSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'

const here = (path) => fileURLToPath(new URL(path, import.meta.url))

const copies = {
  copy() {
    this.remove()
    for (const part of ['CMakeLists.txt', 'cmake', 'include', 'src']) {
      cpSync(here(`../../core/${part}`), here(`../core/${part}`), { recursive: true })
    }
    cpSync(createRequire(import.meta.url)('node-api-headers').include_dir, here('../include'), { recursive: true })
    cpSync(here('../../LICENSE'), here('../LICENSE'))
  },
  remove() {
    for (const path of ['../core', '../include', '../LICENSE']) rmSync(here(path), { recursive: true, force: true })
  },
}

copies[process.argv[2] === 'remove' ? 'remove' : 'copy']()
