import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0004_ended_documents"),
        ("leads", "0013_filtered_lists"),
        ("magnets", "0002_rights"),
    ]

    operations = [
        migrations.CreateModel(
            name="CodeGuess",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("sender", models.CharField(max_length=64)),
                ("tries", models.PositiveIntegerField()),
                ("last_at", models.DateTimeField()),
                ("blocked_until", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "code_guess",
            },
        ),
        migrations.CreateModel(
            name="DiscountCode",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("magnet", models.CharField(max_length=80)),
                ("code_key", models.CharField(max_length=64)),
                ("sealed", models.TextField()),
                ("shown", models.CharField(max_length=4)),
                ("cause", models.CharField(default="", max_length=40)),
                ("given_at", models.DateTimeField(null=True)),
                ("expires_at", models.DateTimeField(null=True)),
                ("redeemed_at", models.DateTimeField(null=True)),
                ("redeemed_by", models.CharField(default="", max_length=80)),
                ("purchase", models.CharField(default="", max_length=80)),
                ("made_at", models.DateTimeField()),
            ],
            options={
                "db_table": "discount_code",
            },
        ),
        migrations.CreateModel(
            name="MagnetCost",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("magnet", models.CharField(max_length=80)),
                ("amount", models.DecimalField(decimal_places=2, max_digits=12)),
                ("what", models.CharField(max_length=160)),
                ("spent_on", models.DateField()),
                ("by", models.CharField(max_length=80)),
                ("entered_at", models.DateTimeField()),
            ],
            options={
                "db_table": "magnet_cost",
            },
        ),
        migrations.CreateModel(
            name="MagnetDraft",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("key", models.CharField(max_length=80)),
                ("source_text", models.TextField()),
                ("files", models.JSONField(default=dict)),
                ("changed_at", models.DateTimeField()),
                ("by", models.CharField(max_length=80)),
            ],
            options={
                "db_table": "magnet_draft",
            },
        ),
        migrations.CreateModel(
            name="Referral",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("came_at", models.DateTimeField()),
                ("rewarded_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "referral",
            },
        ),
        migrations.CreateModel(
            name="Registration",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("state", models.CharField(max_length=10)),
                ("changed_at", models.DateTimeField()),
                ("attended_at", models.DateTimeField(null=True)),
                ("attended_minutes", models.PositiveIntegerField(null=True)),
            ],
            options={
                "db_table": "webinar_registration",
            },
        ),
        migrations.CreateModel(
            name="WebinarSession",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("magnet", models.CharField(max_length=80)),
                ("starts_at", models.DateTimeField()),
                ("minutes", models.PositiveIntegerField()),
                ("time_zone", models.CharField(max_length=60)),
                ("seats", models.PositiveIntegerField(null=True)),
                ("join_url", models.CharField(default="", max_length=500)),
                ("replay_url", models.CharField(default="", max_length=500)),
                ("cancelled_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "webinar_session",
            },
        ),
        migrations.AddField(
            model_name="grant",
            name="opened_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="grant",
            name="origin",
            field=models.JSONField(db_default=models.Value({}, models.JSONField()), default=dict),
        ),
        migrations.AddField(
            model_name="grant",
            name="via",
            field=models.CharField(db_default="form", default="form", max_length=12),
        ),
        migrations.AddIndex(
            model_name="grant",
            index=models.Index(fields=["workspace", "magnet", "-id"], name="magnet_grant_newest"),
        ),
        migrations.AddField(
            model_name="codeguess",
            name="workspace",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="accounts.workspace"
            ),
        ),
        migrations.AddField(
            model_name="discountcode",
            name="grant",
            field=models.ForeignKey(
                db_constraint=False,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="codes",
                to="magnets.grant",
            ),
        ),
        migrations.AddField(
            model_name="discountcode",
            name="workspace",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="accounts.workspace"
            ),
        ),
        migrations.AddField(
            model_name="magnetcost",
            name="workspace",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="accounts.workspace"
            ),
        ),
        migrations.AddField(
            model_name="magnetdraft",
            name="workspace",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="accounts.workspace"
            ),
        ),
        migrations.AddField(
            model_name="referral",
            name="grant",
            field=models.ForeignKey(
                db_constraint=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="referrals",
                to="magnets.grant",
            ),
        ),
        migrations.AddField(
            model_name="referral",
            name="lead",
            field=models.ForeignKey(
                db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="leads.lead"
            ),
        ),
        migrations.AddField(
            model_name="referral",
            name="workspace",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="accounts.workspace"
            ),
        ),
        migrations.AddField(
            model_name="registration",
            name="grant",
            field=models.ForeignKey(
                db_constraint=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="registrations",
                to="magnets.grant",
            ),
        ),
        migrations.AddField(
            model_name="registration",
            name="workspace",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="accounts.workspace"
            ),
        ),
        migrations.AddField(
            model_name="webinarsession",
            name="workspace",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="accounts.workspace"
            ),
        ),
        migrations.AddField(
            model_name="registration",
            name="session",
            field=models.ForeignKey(
                db_constraint=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="registrations",
                to="magnets.webinarsession",
            ),
        ),
        migrations.AddConstraint(
            model_name="codeguess",
            constraint=models.UniqueConstraint(fields=("workspace", "sender"), name="one_count_a_sender"),
        ),
        migrations.AddIndex(
            model_name="discountcode",
            index=models.Index(
                condition=models.Q(("grant", None)), fields=["workspace", "magnet", "id"], name="discount_code_waiting"
            ),
        ),
        migrations.AddConstraint(
            model_name="discountcode",
            constraint=models.UniqueConstraint(fields=("workspace", "code_key"), name="discount_code_once"),
        ),
        migrations.AddConstraint(
            model_name="discountcode",
            constraint=models.UniqueConstraint(fields=("workspace", "grant", "cause"), name="one_code_a_cause"),
        ),
        migrations.AddIndex(
            model_name="magnetcost",
            index=models.Index(fields=["workspace", "magnet"], name="magnet_cost_of"),
        ),
        migrations.AddConstraint(
            model_name="magnetdraft",
            constraint=models.UniqueConstraint(fields=("workspace", "key"), name="one_draft_a_magnet"),
        ),
        migrations.AddIndex(
            model_name="referral",
            index=models.Index(fields=["workspace", "grant"], name="referral_of_grant"),
        ),
        migrations.AddConstraint(
            model_name="referral",
            constraint=models.UniqueConstraint(fields=("workspace", "lead"), name="referred_once"),
        ),
        migrations.AddIndex(
            model_name="webinarsession",
            index=models.Index(fields=["workspace", "magnet", "starts_at"], name="webinar_session_of"),
        ),
        migrations.AddIndex(
            model_name="registration",
            index=models.Index(fields=["workspace", "grant"], name="registration_of_grant"),
        ),
        migrations.AddConstraint(
            model_name="registration",
            constraint=models.UniqueConstraint(fields=("workspace", "session", "grant"), name="registered_once"),
        ),
    ]
