# ruff: noqa: E501  (rows stand as they stand in files)
"""Files as other tools write them, made here: their headers are real, their people are not."""

import io
import zipfile

MAILCHIMP_HEAD = (
    "Email Address,First Name,Last Name,MEMBER_RATING,OPTIN_TIME,OPTIN_IP,CONFIRM_TIME,CONFIRM_IP,LATITUDE,LONGITUDE,"
    "GMTOFF,DSTOFF,TIMEZONE,CC,REGION,LAST_CHANGED,LEID,EUID,NOTES,TAGS"
)
SUBSCRIBED = (
    MAILCHIMP_HEAD + "\n"
    "ana@example.com,Ana,Gil,4,2024-05-01 10:00:00,203.0.113.5,2024-05-01 10:05:00,203.0.113.5,,,,,,ES,MD,"
    '2024-05-02 09:00:00,11,aa11,,"""VIP"",""Blog"""\n'
    'bea@example.com,Bea,Roca,2,,,2024-05-01 10:05:00,203.0.113.6,,,,,,ES,MD,2024-05-02 09:00:00,12,aa12,,"""Blog"""\n'
    "eva@example.com,Eva,Sol,2,2024-05-03 10:00:00,203.0.113.7,,,,,,,,ES,MD,2024-05-03 09:00:00,13,aa13,,\n"
)
UNSUBSCRIBED = (
    MAILCHIMP_HEAD + ",UNSUB_TIME,UNSUB_CAMPAIGN_TITLE,UNSUB_CAMPAIGN_ID,UNSUB_REASON,UNSUB_REASON_OTHER\n"
    "eva@example.com,Eva,Sol,2,2024-05-03 10:00:00,203.0.113.7,,,,,,,,ES,MD,2024-06-03 09:00:00,13,aa13,,,"
    '2024-06-03 09:00:00,Junio,c1,NORMAL,"demasiado,\nde verdad"\n'
)
CLEANED = (
    MAILCHIMP_HEAD + ",CLEAN_TIME,CLEAN_CAMPAIGN_TITLE,CLEAN_CAMPAIGN_ID\n"
    "leo@example.com,Leo,Paz,1,2024-05-03 10:00:00,203.0.113.8,2024-05-03 10:01:00,203.0.113.8,,,,,,ES,MD,"
    "2024-06-03 09:00:00,14,aa14,,,2024-06-04 09:00:00,Junio,c1\n"
)
HUBSPOT_ES = (
    "\ufeffID de registro,Nombre,Apellidos,Correo,Número de teléfono,Cargo,Nombre de la empresa,Etapa del ciclo de vida,"
    "Estado del lead,Propietario del contacto,Fecha de creación,Fuente original,País/región,Unsubscribed from all email\r\n"
    "101,José,Núñez,jose@bücher.es,+34 600 000 001,Director,Bücher S.L.,Lead,Nuevo,Ana,2024-03-01 09:30,Orgánico,España,\r\n"
    '102,María,Gómez,maria@example.com,600 000 002,"Jefa,\r\nde compras",Huertos Gómez,Cliente,Abierto,Ana,'
    "2024-03-02 10:00,Directo,España,true\r\n"
)
MAUTIC = (
    "title,firstname,lastname,company,position,email,mobile,phone,points,city,zipcode,country,preferred_locale,timezone,"
    "last_active,dateAdded,doNotEmail,tags\n"
    "Dr.,Ana,Gil,Huertos,CEO,ana@example.com,,+34600000001,35,Valencia,08001,Spain,es_ES,Europe/Madrid,,2024-01-02 10:00:00,"
    ",vip|riego\n"
    "Ms.,Bea,Roca,Rocas,CTO,bea@example.com,+34600000002,,0,Madrid,28001,Spain,en,Europe/Madrid,,2024-01-03 10:00:00,1,\n"
)
BREVO = (
    "CONTACT ID;EMAIL;FIRSTNAME;LASTNAME;SMS;WHATSAPP;EXT_ID;EMAIL_BLACKLIST;ADDED_TIME;MODIFIED_TIME;DOUBLE_OPT-IN\r\n"
    "1;ana@example.com;Ana;Núñez;34600000001;;u-77;no;01-02-2024;02-02-2024;1\r\n"
    "2;bea@example.com;Bea;Roca;;;;yes;31-01-2024;02-02-2024;1\r\n"
)
ODOO = (
    "External ID,Name,Company Name,Contact Name,Email,Job Position,Phone,Mobile,Street,Street2,City,State,Zip,Country,"
    "Website,Notes\n"
    "crm_1,Riego finca,Huertos SL,Ana Gil,ana@example.com,CEO,+34 600 000 001,,Calle 1,,Valencia,Valencia,46001,Spain,"
    "http://huertos.example,\n"
)


def mailchimp_zip() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("subscribed_members_export_ab12.csv", SUBSCRIBED)
        archive.writestr("unsubscribed_members_export_ab12.csv", UNSUBSCRIBED)
        archive.writestr("cleaned_members_export_ab12.csv", CLEANED)
    return packed.getvalue()


def xlsx(rows: list[list[object]]) -> bytes:
    """The smallest workbook that spreadsheets open."""
    cells = "".join(
        f'<row r="{r}">' + "".join(
            f'<c r="{chr(64 + c)}{r}" t="inlineStr"><is><t>{value}</t></is></c>' if isinstance(value, str)
            else f'<c r="{chr(64 + c)}{r}"><v>{value}</v></c>'
            for c, value in enumerate(row, start=1)
        ) + "</row>"
        for r, row in enumerate(rows, start=1)
    )  # fmt: skip
    return workbook(cells)


def workbook(cells: str) -> bytes:
    """One of a sheet with these rows, as they stand in the XML."""
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types"><Default Extension="rels" ContentType='
        '"application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType='
        '"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="r1" '
        f'Type="{office}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets><sheet name="Hoja1" sheetId="1" '
        'r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="r1" '
        f'Type="{office}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{main}"><sheetData>{cells}</sheetData></worksheet>',
    }
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, text in parts.items():
            archive.writestr(name, f'<?xml version="1.0" encoding="UTF-8"?>{text}')
    return packed.getvalue()
