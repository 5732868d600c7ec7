"""Huerta's landing page with every kind of block, and a picture for it."""

from io import BytesIO

from PIL import Image

PAGE = """
page: guia-riego
path: guias/riego
theme: sea
picture: huerto.png
languages:
  es: {title: La guía del riego, description: Riega menos & cosecha más.}
  en: {title: The irrigation guide, description: Water less & harvest more.}
blocks:
  - kind: hero
    title: {es: Riega <b>menos</b>, en: Water less}
    text: {es: 'En **20 páginas**. <script>alert(1)</script> [x](javascript:alert(1))', en: In **20 pages**.}
    button: {es: La quiero, en: I want it}
    picture: huerto.png
  - {kind: text, text: {es: '## Por qué', en: '## Why'}}
  - {kind: image, picture: huerto.png, alt: {es: Un huerto, en: An orchard}}
  - {kind: video, address: 'https://films.example/riego.mp4'}
  - kind: features
    items: [{title: {es: Ahorro, en: Savings}, text: {es: Agua, en: Water}}]
  - {kind: testimonial, words: {es: Funciona, en: It works}, who: Ana}
  - kind: faq
    items: [{question: {es: '¿Cuánto?', en: How much?}, answer: {es: Nada, en: Nothing}}]
  - {kind: countdown, until: '2026-04-01 18:00', title: {es: Hasta, en: Until}}
  - {kind: form, form: guia, title: {es: Descárgala, en: Download it}}
  - {kind: footer, legal_address: 'https://huerta.example/legal'}
"""


def make_png(width: int = 1000, height: int = 500, colour: str = "green") -> bytes:
    out = BytesIO()
    Image.new("RGB", (width, height), colour).save(out, "PNG")
    return out.getvalue()
