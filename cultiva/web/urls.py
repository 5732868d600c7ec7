"""Addresses of the staff screens."""

from django.urls import path

from cultiva.web.views import demo, documents, hand_overs, home, imports, leads, mailbox, settings, signing_in

app_name = "web"

urlpatterns = [
    path("", home.home, name="home"),
    path("home/live", home.live, name="home_live"),
    path("sign-in", signing_in.sign_in, name="sign_in"),
    path("sign-in/<str:token>", signing_in.sign_in_link, name="sign_in_link"),
    path("sign-out", signing_in.sign_out, name="sign_out"),
    path("language", signing_in.set_language, name="set_language"),
    path("workspace", signing_in.switch_workspace, name="switch_workspace"),
    path("leads", leads.lead_list, name="leads"),
    path("leads/<int:lead_id>", leads.profile, name="lead"),
    path("hand-overs", hand_overs.hand_overs, name="hand_overs"),
    path("hand-overs/<int:hand_over_id>/accept", hand_overs.accept, name="accept_hand_over"),
    path("hand-overs/<int:hand_over_id>/reject", hand_overs.reject, name="reject_hand_over"),
    path("forms", documents.forms, name="forms"),
    path("forms/<str:key>", documents.form, name="form"),
    path("models", documents.models, name="models"),
    path("models/<str:key>", documents.model, name="model"),
    path("workflows", documents.workflows, name="workflows"),
    path("workflows/<str:key>", documents.workflow, name="workflow"),
    path("imports", imports.imports, name="imports"),
    path("imports/new", imports.new_import, name="new_import"),
    path("imports/<int:import_id>", imports.one_import, name="import"),
    path("imports/<int:import_id>/progress", imports.progress, name="import_progress"),
    path("imports/<int:import_id>/mapping", imports.mapping, name="import_mapping"),
    path("imports/<int:import_id>/start", imports.start_import, name="start_import"),
    path("imports/<int:import_id>/stop", imports.stop_import, name="stop_import"),
    path("imports/<int:import_id>/undo", imports.undo, name="undo_import"),
    path("imports/<int:import_id>/discard", imports.discard, name="discard_import"),
    path("imports/<int:import_id>/rejects.csv", imports.rejects, name="import_rejects"),
    path("mailbox", mailbox.mailbox, name="mailbox"),
    path("mailbox/<int:message_id>", mailbox.message, name="message"),
    path("mailbox/<int:message_id>/html", mailbox.message_html, name="message_html"),
    path("settings", settings.settings_page, name="settings"),
    path("demo/advance", demo.advance_clock, name="advance_clock"),
    path("demo/live", demo.live_source, name="live_source"),
]
