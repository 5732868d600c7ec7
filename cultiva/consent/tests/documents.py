"""The policy and purposes of Huerta, as its lawyer would write them."""

POLICY = """
policy: privacy
controller:
  name: Huerta Riego S.L.
  address: Calle del Agua 3, 46001 Valencia
  email: privacidad@huerta.example
  dpo_email: dpd@huerta.example
profiling: legitimate_interest
languages:
  es:
    title: Política de protección de datos
    label: He leído y acepto la política de protección de datos
    first_layer:
      - [Responsable, Huerta Riego S.L.]
      - [Finalidad, "Enviarte lo que pides, atender tu consulta y elaborar un perfil de tus intereses"]
      - [Base jurídica, Tu consentimiento y nuestro interés legítimo]
      - [Destinatarios, No se ceden datos a terceros]
      - [Transferencias internacionales, No se hacen]
      - [Derechos, "Acceder, rectificar y suprimir los datos, y otros derechos"]
    text: |
      ## Finalidades y base jurídica
      Tratamos tus datos para enviarte lo que pides. La base jurídica es tu consentimiento, que puedes retirar.

      ## Elaboración de perfiles
      Sumamos puntos por tus visitas para saber qué te interesa. Puedes oponerte.

      ## Destinatarios y transferencias internacionales
      No hay destinatarios ni transferencias.

      ## Plazo de conservación
      Tres años desde tu último contacto.

      ## Tus derechos
      Acceso, rectificación, supresión, portabilidad, limitación y oposición: escribe a privacidad@huerta.example.
      Puedes presentar una reclamación ante la Agencia Española de Protección de Datos.
  en:
    title: Data-protection policy
    label: I have read and accept the data-protection policy
    first_layer:
      - [Controller, Huerta Riego S.L.]
      - [Purpose, "To send what you ask for, to answer you, and to build a profile of your interests"]
      - [Legal basis, Your consent and our legitimate interest]
      - [Recipients, None]
      - [International transfers, None]
      - [Rights, "Access, rectification, erasure and other rights"]
    text: |
      ## Purposes and legal basis
      We process your data to send what you ask for. The legal basis is your consent; you can withdraw it.

      ## Profiling
      We add up points for your visits to learn what interests you. You can object.

      ## Recipients and international transfers
      There are no recipients and no transfers.

      ## Retention
      Three years from your last contact.

      ## Your rights
      Access, rectification, erasure, portability, restriction and objection: write to privacidad@huerta.example.
      You may lodge a complaint with the supervisory authority.
"""

MARKETING = """
purpose: marketing
channel: email
position: 1
languages:
  es: {label: Quiero recibir consejos y ofertas por correo electrónico}
  en: {label: I want to receive advice and offers by e-mail}
"""

PHONE = """
purpose: phone
channel: phone
position: 2
languages:
  es: {label: Podéis llamarme por teléfono}
  en: {label: You may call me}
"""

PROFILING = """
purpose: profiling
channel: none
position: 3
languages:
  es: {label: Acepto que elaboréis un perfil de mis intereses}
  en: {label: You may build a profile of my interests}
"""
