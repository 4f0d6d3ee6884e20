from django.contrib import admin

from shop.models import Category, Product

admin.site.register(Category)


@admin.register(Product)
class ProductAdmin(admin.ModelAdmin):
    list_display = ("name", "category", "price", "added")
    list_filter = ("category", "state")
    search_fields = ("name",)
    date_hierarchy = "added"
