"""Renamed: title to name, Item to Line. Many new fields, with and without defaults."""

import uuid

import django.contrib.postgres.fields
import django.contrib.postgres.fields.ranges
from django.db import migrations, models
from django.db.models.deletion import CASCADE, PROTECT
from django.db.models.functions import Now


class Migration(migrations.Migration):
    dependencies = (("shop", "0001_initial"),)

    operations = (
        migrations.RenameField("product", "title", "name"),
        migrations.RenameModel("Item", "Line"),
        migrations.AlterField("line", "order", models.ForeignKey("shop.order", CASCADE, "lines")),
        migrations.AddField(
            "order", "products", models.ManyToManyField("shop.product", related_name="orders", through="shop.Line")
        ),
        migrations.RemoveField("product", "colour"),
        migrations.AlterField("product", "category", models.ForeignKey("shop.category", PROTECT, "products")),
        migrations.AddField(
            "product",
            "state",
            models.CharField(choices=[("draft", "Draft"), ("sale", "On Sale")], default="draft", max_length=10),
        ),
        migrations.AddField("product", "attributes", models.JSONField(default=dict)),
        migrations.AddField(
            "product",
            "keywords",
            django.contrib.postgres.fields.ArrayField(models.CharField(max_length=30), default=list, size=None),
        ),
        migrations.AddField("product", "token", models.UUIDField(default=uuid.uuid4, null=True)),
        migrations.AddField("product", "stock", models.PositiveIntegerField(default=0)),
        migrations.AddField("product", "weight", models.FloatField(null=True)),
        migrations.AddField("product", "image", models.BinaryField(null=True)),
        migrations.AddField("product", "available", django.contrib.postgres.fields.ranges.DateRangeField(null=True)),
        migrations.AddField("product", "delivery", models.DurationField(null=True)),
        migrations.AddField("product", "modified", models.DateTimeField(auto_now=True)),
        migrations.AddField("product", "checked", models.DateTimeField(db_default=Now())),
        migrations.AlterModelOptions("product", {"ordering": ("id",)}),
    )
