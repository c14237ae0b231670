// The public face of the addon. C converts and decides; here is only what JavaScript says better: aborting.
import native from './native.js'

export const { PASS, version } = native

export class Guard extends native.Guard {
  async authorize(request, signal) {
    signal?.throwIfAborted()
    const [verdict, number] = native.ask.call(this, request)
    if (!signal) return verdict
    const abort = () => native.cancel.call(this, number, signal.reason)
    signal.addEventListener('abort', abort, { once: true })
    try {
      return await verdict
    } finally {
      signal.removeEventListener('abort', abort)
    }
  }
}
