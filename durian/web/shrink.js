// Shrinks a photo and removes its metadata before it is sent. The network needs few of the pixels,
// a phone's photo weighs megabytes, and the place where it was taken is private. A photo that cannot
// be shrunk is sent unchanged.
{
  const LIGHT = 250_000 // bytes
  const PATIENCE = 15_000 // milliseconds
  const METADATA = /exif|[itz]txt|ns\.adobe|photoshop|xmp |rdf\+xml/i // in all formats

  // Runs in a worker, which ends after one photo and so frees its memory at once.
  function shrinker(light) {
    const SHORT_SIDE = 768 // pixels: more than the server works with
    // A JPEG is decoded at so many eighths of its size that a square of this side has as many pixels.
    // Of 12 and 48 megapixels the first makes 3. The second is for panoramas.
    const DECODED_SIDES = [1750, 3500]
    const QUALITIES = [0.85, 0.7, 0.5] // a better one costs time, at 0.75 answers changed

    const sizeOf = (picture) => [
      picture.displayWidth ?? picture.width,
      picture.displayHeight ?? picture.height,
    ]

    async function decoded(file) {
      let picture
      try {
        for (const side of DECODED_SIDES) {
          const size = { desiredWidth: side, desiredHeight: side }
          const decoder = new ImageDecoder({ type: "image/jpeg", data: file.stream(), ...size })
          picture?.close()
          picture = (await decoder.decode()).image
          if (Math.min(...sizeOf(picture)) >= SHORT_SIDE) break
        }
        return picture
      } catch {
        return createImageBitmap(file) // not a JPEG, or Safari, or an address without https
      }
    }

    function drawn(picture) {
      const [width, height] = sizeOf(picture)
      const scale = Math.min(1, SHORT_SIDE / Math.min(width, height))
      const canvas = new OffscreenCanvas(Math.round(width * scale), Math.round(height * scale))
      const context = canvas.getContext("2d")
      context.fillStyle = "white" // where the photo is transparent
      context.fillRect(0, 0, canvas.width, canvas.height)
      // Against fingerprinting, Firefox can return noise: misskey-dev/misskey#13582
      if (context.getImageData(0, 0, 1, 1).data.some((level) => level < 250)) throw Error("noise")
      context.imageSmoothingQuality = "high"
      context.drawImage(picture, 0, 0, canvas.width, canvas.height)
      return canvas
    }

    onmessage = async ({ data: file }) => {
      let small = null
      try {
        const canvas = drawn(await decoded(file))
        for (const quality of QUALITIES) {
          small = await canvas.convertToBlob({ type: "image/jpeg", quality })
          if (small.size <= light) break
        }
      } catch {} // it is sent unchanged
      postMessage(small)
    }
  }

  function startWorker() {
    const script = URL.createObjectURL(new Blob([`(${shrinker})(${LIGHT})`]))
    const worker = new Worker(script)
    worker.addEventListener("message", () => URL.revokeObjectURL(script))
    return worker
  }

  // A worker takes a moment to start. It starts when the visitor turns to the photo, to be ready.
  let ready
  function prepare({ target }) {
    if (window.Worker && target.closest?.("#photo")) ready ??= startWorker()
  }
  addEventListener("click", prepare, true)
  addEventListener("dragenter", prepare, true)

  async function shrunk(file) {
    const light = file.size <= LIGHT
    if (light && !METADATA.test(new TextDecoder("latin1").decode(await file.arrayBuffer()))) {
      return file
    }
    const worker = ready ?? startWorker()
    ready = null
    try {
      const small = await new Promise((resolve, reject) => {
        worker.onmessage = ({ data }) => resolve(data)
        worker.onerror = reject
        setTimeout(reject, PATIENCE)
        worker.postMessage(file)
      })
      return small && (light || small.size < file.size) ? new File([small], "photo.jpg") : file
    } finally {
      worker.terminate()
    }
  }

  // Every photo is sent here, whether it was chosen, dropped, pasted or taken.
  const send = window.fetch
  window.fetch = async (address, options) => {
    if (!(options?.body instanceof FormData)) return send(address, options)
    const [photo, ...others] = options.body.getAll("files") // Gradio would send all dropped files
    durian.isOneOfSeveral = others.length > 0
    const body = new FormData()
    body.append("files", await shrunk(photo).catch(() => photo))
    return send(address, { ...options, body })
  }
}
