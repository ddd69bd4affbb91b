"""The page's light and dark colours as a Gradio theme; page.css has the rest of its style."""

import gradio as gr

THEME = gr.themes.Base(
    primary_hue=gr.themes.colors.lime,
    neutral_hue=gr.themes.colors.stone,
    text_size=gr.themes.sizes.text_md,
    radius_size=gr.themes.sizes.radius_lg,
    font=["system-ui", "sans-serif"],
    font_mono=["ui-monospace", "monospace"],
).set(
    body_background_fill="#faf8f1",
    body_background_fill_dark="#14150f",
    block_background_fill="#ffffff",
    block_background_fill_dark="#1f2118",
    body_text_color="#23251b",
    body_text_color_dark="#edeade",
    body_text_color_subdued="#5c5d4f",
    body_text_color_subdued_dark="#b5b4a3",
    border_color_primary="#e2decf",
    border_color_primary_dark="#3a3c30",
    color_accent="#5f7a1d",
    block_label_background_fill="*block_background_fill",
    block_label_background_fill_dark="*block_background_fill",
    block_label_text_color="*body_text_color_subdued",
    block_label_text_color_dark="*body_text_color_subdued",
    stat_background_fill="#6f8f22",
    stat_background_fill_dark="#8aa83a",
    loader_color="#5f7a1d",
    loader_color_dark="#a9c656",
)
