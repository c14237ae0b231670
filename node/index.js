// The public face of the addon. C converts and decides; here is only what JavaScript says better: aborting.
import native from './native.js'

export const { PASS, version } = native

// The addon's own names for a promise that can be taken back; not part of the public class.
const { ask, cancel } = native.Guard.prototype
delete native.Guard.prototype.ask
delete native.Guard.prototype.cancel

export class Guard extends native.Guard {
  async authorize(request, signal) {
    signal?.throwIfAborted()
    const [verdict, number] = ask.call(this, request)
    if (!signal) return verdict
    const abort = () => cancel.call(this, number, signal.reason)
    signal.addEventListener('abort', abort, { once: true })
    try {
      return await verdict
    } finally {
      signal.removeEventListener('abort', abort)
    }
  }
}
