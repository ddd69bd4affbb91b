// A camera that does not open says why and what to do. Gradio 6.31 says nothing, or shows the key of
// a text: gradio-app/gradio#6615, #10049, #10143. This file can go once it says it itself.
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
  const OTHERWISE = "The camera did not open. Try again, or choose a photo."

  function explain(reason) {
    const place = document.querySelector("#photo .icon-wrap")?.closest("[title]")
    if (!place) return
    place.querySelector("[role=alert]")?.remove()
    const text = document.createElement("p")
    text.role = "alert"
    text.textContent = spoken(REASONS[reason] ?? OTHERWISE)
    place.append(text)
  }

  const devices = navigator.mediaDevices ?? { enumerateDevices: async () => [] }
  const open = devices.getUserMedia?.bind(devices)
  devices.getUserMedia = async (asked) => {
    try {
      if (!open) throw new DOMException("", isSecureContext ? "NotSupportedError" : "InsecureError")
      const stream = await open(asked)
      // Who has turned to something else meanwhile would leave the camera on.
      if (!document.querySelector("#photo video")) stream.getTracks().forEach((track) => track.stop())
      return stream
    } catch (error) {
      explain(error.name)
      throw error
    }
  }
  navigator.mediaDevices ?? Object.defineProperty(navigator, "mediaDevices", { value: devices })

  // While the list of cameras is open, Gradio takes the first tap beside it for no more than a wish
  // to close the list; a tap on another way to choose a photo has to count.
  addEventListener(
    "click",
    (event) => {
      const list = document.querySelector("#photo select")
      if (list && event.target.closest?.("#photo .source-selection")) event.preventDefault()
    },
    true,
  )
}
