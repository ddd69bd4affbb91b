// If the camera does not open, the page says why and what to do. Gradio 6.31 says nothing, or shows
// a translation key: gradio-app/gradio#6615, #10049, #10143. Once Gradio says why, this file can go.
{
  const REFUSED =
    "This page may not use the camera. Allow it in the browser's settings, or choose a photo."
  const TAKEN = "Another app is using the camera. Close it and try again, or choose a photo."
  const REASONS = {
    NotAllowedError: REFUSED,
    SecurityError: REFUSED,
    NotFoundError: "There is no camera. Connect one and try again, or choose a photo.",
    NotReadableError: TAKEN,
    AbortError: TAKEN,
    InsecureError:
      "The camera needs an https address. Take the photo with another app and choose it here.",
  }
  const OTHER_REASON = "The camera did not open. Try again, or choose a photo."

  function explain(reason) {
    const place = document.querySelector("#photo .icon-wrap")?.closest("[title]")
    if (!place) return
    place.querySelector("[role=alert]")?.remove()
    const text = document.createElement("p")
    text.role = "alert"
    text.textContent = translated(REASONS[reason] ?? OTHER_REASON)
    place.append(text)
  }

  const devices = navigator.mediaDevices ?? { enumerateDevices: async () => [] }
  const open = devices.getUserMedia?.bind(devices)
  devices.getUserMedia = async (asked) => {
    try {
      if (!open) throw new DOMException("", isSecureContext ? "NotSupportedError" : "InsecureError")
      const stream = await open(asked)
      // The visitor may have closed the camera meanwhile.
      if (!document.querySelector("#photo video")) stream.getTracks().forEach((track) => track.stop())
      return stream
    } catch (error) {
      explain(error.name)
      throw error
    }
  }
  navigator.mediaDevices ?? Object.defineProperty(navigator, "mediaDevices", { value: devices })

  // While the list of cameras is open, Gradio uses the first tap outside it only to close the list.
  // A tap on another source of photos has to open that source.
  addEventListener(
    "click",
    (event) => {
      const list = document.querySelector("#photo select")
      if (list && event.target.closest?.("#photo .source-selection")) event.preventDefault()
    },
    true,
  )
}
