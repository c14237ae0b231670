// Files below one root, and nothing outside of it: no "..", no absolute path, no NUL, no symbolic link anywhere on the way.
import { constants } from 'node:fs'
import { mkdir, open, readdir, realpath, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'

export const SIZE_MAX = 1024 * 1024

/** What the caller did wrong; `status` is the HTTP status for it. */
export class FileError extends Error {
  readonly status: 400 | 404 | 409 | 413

  constructor(status: FileError['status'], message: string) {
    super(message)
    this.status = status
  }
}

const STATUS_OF: { readonly [code: string]: readonly [FileError['status'], string] } = {
  ENOENT: [404, 'no such file'],
  ENOTDIR: [404, 'no such file'],
  EISDIR: [409, 'that is a folder'],
  ELOOP: [400, 'that path is not allowed'],
  ENAMETOOLONG: [400, 'that path is not allowed'],
  ENXIO: [409, 'that is not a file'],
}

function fail(error: unknown): never {
  const known = STATUS_OF[(error as NodeJS.ErrnoException).code ?? '']
  throw known ? new FileError(...known) : error
}

/** The path's parts, or a refusal. Control characters have no business in a file name. */
function parts(path: string): string[] {
  const found = path.split('/').filter((part) => part !== '' && part !== '.')
  if (path.startsWith('/') || found.includes('..') || /[\u0000-\u001f\u007f\\]/.test(path)) {
    throw new FileError(400, 'that path is not allowed')
  }
  return found
}

export class FileStore {
  readonly #root: string

  private constructor(root: string) {
    this.#root = root
  }

  static async open(root: string): Promise<FileStore> {
    await mkdir(root, { recursive: true })
    return new FileStore(await realpath(root))
  }

  /** The absolute path, once it is certain that no link stands on the way: then a path is its own real path. */
  async #locate(names: readonly string[]): Promise<string> {
    const path = join(this.#root, ...names)
    if ((await realpath(path).catch(fail)) !== path) throw new FileError(400, 'that path is not allowed')
    return path
  }

  /** O_NOFOLLOW closes the gap between the look and the opening, O_NONBLOCK keeps a pipe from holding us. */
  async #openFile(path: string, flags: number): Promise<FileHandle> {
    const file = await open(path, flags | constants.O_NOFOLLOW | constants.O_NONBLOCK, 0o644).catch(fail)
    if ((await file.stat()).isFile()) return file
    await file.close()
    throw new FileError(409, 'that is not a file')
  }

  /** Names in a folder, sorted; those of folders end with a slash. */
  async list(path: string): Promise<string[]> {
    const folder = await this.#locate(parts(path))
    const entries = await readdir(folder, { withFileTypes: true }).catch(fail)
    const shown = entries.filter((entry) => entry.isFile() || entry.isDirectory())
    return shown.map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name)).sort()
  }

  async read(path: string): Promise<string> {
    const file = await this.#openFile(await this.#locate(parts(path)), constants.O_RDONLY)
    try {
      if ((await file.stat()).size > SIZE_MAX) throw new FileError(413, 'that file is too large')
      return await file.readFile('utf8')
    } finally {
      await file.close()
    }
  }

  /** Writes a whole file into a folder that exists; the bytes written. */
  async write(path: string, content: string): Promise<number> {
    const bytes = Buffer.from(content)
    const names = parts(path)
    if (bytes.byteLength > SIZE_MAX) throw new FileError(413, 'that is too much to write')
    if (names.length === 0) throw new FileError(400, 'that path is not allowed')
    await this.#locate(names.slice(0, -1))
    const file = await this.#openFile(join(this.#root, ...names), constants.O_WRONLY | constants.O_CREAT)
    try {
      await file.truncate(0)
      await file.writeFile(bytes)
      return bytes.byteLength
    } finally {
      await file.close()
    }
  }
}
