"""What has to look at the rows that are there."""

import uuid

import django.contrib.postgres.indexes
from django.db import migrations, models
from django.db.models.functions import Lower


class Migration(migrations.Migration):
    dependencies = (("shop", "0003_data"),)

    operations = (
        migrations.AlterField("product", "name", models.CharField(max_length=100)),
        migrations.AlterField("product", "sku", models.CharField(max_length=20, unique=True)),
        migrations.AlterField("product", "price", models.DecimalField(decimal_places=2, max_digits=10)),
        migrations.AlterField("product", "token", models.UUIDField(default=uuid.uuid4, unique=True)),
        migrations.AlterField("line", "amount", models.SmallIntegerField(default=1)),
        migrations.AlterUniqueTogether("line", set()),
        migrations.AddConstraint(
            "line", models.UniqueConstraint(fields=("order", "product"), name="one_line_per_product")
        ),
        migrations.AddField(
            "product",
            "value",
            models.GeneratedField(
                db_persist=True,
                expression=models.F("price") * models.F("stock"),
                output_field=models.DecimalField(decimal_places=2, max_digits=14),
            ),
        ),
        migrations.AddIndex("product", models.Index(fields=["state", "-price"], name="product_state")),
        migrations.AddIndex(
            "product", django.contrib.postgres.indexes.GinIndex(fields=["attributes"], name="product_attributes")
        ),
        migrations.AddConstraint(
            "product", models.CheckConstraint(condition=models.Q(("price__gte", 0)), name="price_is_not_negative")
        ),
        migrations.AddConstraint(
            "product", models.UniqueConstraint(Lower("name"), models.F("category"), name="one_name_per_category")
        ),
    )
